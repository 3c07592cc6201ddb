import pytest

from serving.config.monitoring_config import PrometheusConfig, read_monitoring_config
from serving.config.ssl_config import SslConfig, read_ssl_config
from serving.errors import ServingError

DEFAULT = "/monitoring/prometheus/metrics"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", PrometheusConfig(enable=False, path=DEFAULT)),
        ("prometheus_config { enable: true }", PrometheusConfig(enable=True, path=DEFAULT)),
        ('prometheus_config { enable: true path: "/m" }', PrometheusConfig(enable=True, path="/m")),
        ('prometheus_config: { path: "/m" }', PrometheusConfig(enable=False, path="/m")),
    ],
)
def test_a_monitoring_config(tmp_path, text, expected):
    """Off unless it is switched on, at upstream's path unless it names one."""
    path = tmp_path / "monitoring.config"
    path.write_text(text)

    assert expected == read_monitoring_config(str(path))


def test_no_monitoring_config():
    """No file, no metrics."""
    assert not read_monitoring_config("").enable


def test_an_ssl_config(tmp_path):
    """The keys themselves, lines and all."""
    path = tmp_path / "ssl.config"
    path.write_text('server_key: "a\\n" "b" server_cert: "c" custom_ca: "d" client_verify: true')

    assert SslConfig("a\nb", "c", "d", client_verify=True) == read_ssl_config(str(path))
    assert read_ssl_config("") is None


@pytest.mark.parametrize(
    ("read", "name"), [(read_ssl_config, "SSLConfig"), (read_monitoring_config, "MonitoringConfig")]
)
def test_a_file_of_another_kind(tmp_path, capsys, read, name):
    """Named by its type on stderr."""
    path = tmp_path / "file"
    path.write_text("a: 1")
    with pytest.raises(ServingError, match="Invalid protobuf file"):
        read(str(path))

    assert (
        f"Error parsing text-format tensorflow.serving.{name}: 1:2: "
        f'Message type "tensorflow.serving.{name}" has no field named "a".\n'
    ) == capsys.readouterr().err
