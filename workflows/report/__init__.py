"""The page of a run: one self-contained HTML file and a summary for machines, from the JSON that the steps left.

Ask `workflows.report.page.write`. Not here: what the steps measure, or where their files are kept.
"""
