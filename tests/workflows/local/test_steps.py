"""Steps templates: groups in order, steps of a group at once."""


def test_groups_run_in_order_and_steps_of_a_group_at_once(local, meet):
    """The two of the second group wait for each other, and both see what the first group did."""
    status = local.run(
        local.steps(
            [local.task("first", "touch done")],
            [local.task("a", f"[ -e done ] && {meet('x', 'y')}"), local.task("b", f"[ -e done ] && {meet('y', 'x')}")],
        )
    )

    assert ("Succeeded", "StepGroup") == (status.phase, status.find("wf[1]").type)


def test_a_failed_step_ends_the_template(local):
    """The next group never starts; the message names the child, as Argo's does."""
    status = local.run(local.steps([local.task("a", "exit 1")], [local.task("b")]))

    assert ("Failed", None) == (status.phase, status.find("wf[1]"))
    assert f"child '{status.find('wf[0].a').id}' failed" == status.message


def test_continue_on_failed_goes_on(local):
    """The group counts as succeeded."""
    status = local.run(local.steps([local.task("a", "exit 1", continueOn={"failed": True})], [local.task("b")]))

    assert ("Succeeded", "Succeeded") == (status.phase, status.find("wf[1].b").phase)


def test_results_and_exit_codes_go_on_to_later_groups(local):
    """`steps.<name>.outputs.result`, `.exitCode` and `.status`."""
    script = "test '{{steps.a.outputs.result}} {{steps.a.exitCode}} {{steps.a.status}}' = 'seven 0 Succeeded'"
    status = local.run(local.steps([local.task("a", "echo seven")], [local.task("b", script)]))

    assert "Succeeded" == status.phase


def test_when_skips_a_step(local):
    """A heads-or-tails: exactly one of two runs."""
    status = local.run(
        local.steps(
            [local.task("flip", "echo heads")],
            [
                local.task("heads", when="{{steps.flip.outputs.result}} == heads"),
                local.task("tails", when="{{steps.flip.outputs.result}} == tails"),
            ],
        )
    )

    assert ("Succeeded", "Skipped") == (status.find("wf[1].heads").phase, status.find("wf[1].tails").phase)


def test_a_when_that_cannot_be_read_is_an_error(local):
    """An unquoted hyphen is a subtraction in Argo."""
    status = local.run(local.steps([local.task("a", when="not-ready == not-ready")]))

    why = "Value 'not' cannot be used with the modifier '-', it is not a number"
    assert "Failed" == status.phase
    assert status.message.startswith("failed to resolve references: Failed to evaluate 'when'")
    assert status.message.endswith(why)


def test_a_loop_in_a_group(local):
    """Its results come as one list."""
    loop = local.task("each", "echo {{item}}", withItems=[3, 1, 2])
    status = local.run(local.steps([loop], [local.task("sum", "test '{{steps.each.outputs.result}}' = '[3,1,2]'")]))

    assert ("Succeeded", "Succeeded") == (status.phase, status.find("wf[0].each(1:1)").phase)
