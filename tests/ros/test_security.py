"""Whether security is enforced is told from environment, keystore and middleware; asked for is not enforced."""

import shutil

import pytest

from sim2real.errors import DeploymentError
from sim2real.ros.context import RosContext
from sim2real.ros.security import (
    enclave_name,
    environment_problems,
    governance_problems,
    loaded_libraries,
    middleware_problems,
    require,
)

GOVERNANCE = """MIME-Version: 1.0
<dds><domain_access_rules><domain_rule>
<allow_unauthenticated_participants>false</allow_unauthenticated_participants>
<enable_join_access_control>TRUE</enable_join_access_control>
<topic_access_rules><topic_rule><topic_expression>*</topic_expression>
<enable_read_access_control>true</enable_read_access_control>
<enable_write_access_control>1</enable_write_access_control>
</topic_rule></topic_access_rules></domain_rule></domain_access_rules></dds>
""".replace("TRUE", "true")
ENCLAVE = "/sim2real/ur5e/policy"


@pytest.fixture
def keystore(tmp_path):
    """A keystore with one enclave, of files that have the right names; what is in the keys is the middleware's job."""
    folder = tmp_path / "keystore" / "enclaves" / ENCLAVE.lstrip("/")
    folder.mkdir(parents=True)
    for name in ("identity_ca.cert.pem", "cert.pem", "key.pem", "permissions_ca.cert.pem", "permissions.p7s"):
        (folder / name).write_text("x")
    (folder / "governance.p7s").write_text(GOVERNANCE)
    return tmp_path / "keystore"


@pytest.fixture
def environment(keystore):
    return {"ROS_SECURITY_ENABLE": "true", "ROS_SECURITY_STRATEGY": "Enforce", "ROS_SECURITY_KEYSTORE": str(keystore)}


def test_a_complete_environment_has_no_problems(environment):
    assert environment_problems(["--enclave", ENCLAVE], environment) == []
    assert environment_problems([], {**environment, "ROS_SECURITY_ENCLAVE_OVERRIDE": ENCLAVE}) == []


@pytest.mark.parametrize(("name", "value"), [
    ("ROS_SECURITY_ENABLE", "True"), ("ROS_SECURITY_ENABLE", "1"), ("ROS_SECURITY_ENABLE", ""),
    ("ROS_SECURITY_STRATEGY", "enforce"), ("ROS_SECURITY_STRATEGY", "Permissive")])
def test_switches_count_only_as_ros_reads_them(environment, name, value):
    (problem,) = environment_problems(["--enclave", ENCLAVE], {**environment, name: value})
    assert problem == f"expected {name}={'true' if 'ENABLE' in name else 'Enforce'}, got {value or 'nothing'}"


def test_nothing_set_names_everything():
    text = "; ".join(environment_problems([], {}))
    assert all(name in text for name in ("ROS_SECURITY_ENABLE", "ROS_SECURITY_STRATEGY", "ROS_SECURITY_KEYSTORE"))


def test_the_enclave_must_exist(environment, tmp_path):
    for arguments in (["--enclave", "/other"], ["-e", "/sim2real/ur5e/guard"]):
        (problem,) = environment_problems(arguments, environment)
        assert f"there is no enclave {arguments[1]} in the keystore" in problem
    (problem,) = environment_problems([], {**environment, "ROS_SECURITY_KEYSTORE": str(tmp_path / "none")})
    assert "there is no enclave / in the keystore" in problem
    (problem,) = environment_problems([], environment)  # the folder enclaves/ itself: no keys in it
    assert "the enclave / has no identity_ca.cert.pem, cert.pem, key.pem" in problem


@pytest.mark.parametrize("name", ["cert.pem", "key.pem", "permissions.p7s", "governance.p7s", "identity_ca.cert.pem"])
def test_every_file_of_the_enclave_must_be_there(environment, keystore, name):
    (keystore / "enclaves" / ENCLAVE.lstrip("/") / name).unlink()
    (problem,) = environment_problems(["--enclave", ENCLAVE], environment)
    assert f"has no {name};" in problem


def test_keys_in_hardware_are_keys(environment, keystore):
    folder = keystore / "enclaves" / ENCLAVE.lstrip("/")
    (folder / "key.pem").rename(folder / "key.p11")
    assert environment_problems(["--enclave", ENCLAVE], environment) == []


@pytest.mark.parametrize(("before", "after", "word"), [
    ("participants>false", "participants>true", "allow_unauthenticated_participants false, it says true"),
    ("join_access_control>true", "join_access_control>0", "enable_join_access_control true, it says false"),
    ("write_access_control>1", "write_access_control>false", "enable_write_access_control true, it says false"),
    ("</topic_rule>", "<enable_read_access_control>false</enable_read_access_control></topic_rule>",
     "enable_read_access_control true, it says false and true"),
    ("<enable_join_access_control>true</enable_join_access_control>", "",
     "enable_join_access_control true, it says nothing")])
def test_a_governance_file_that_protects_nothing_is_named(tmp_path, before, after, word):
    path = tmp_path / "governance.p7s"
    path.write_text(GOVERNANCE)
    assert governance_problems(path) == []
    path.write_text(GOVERNANCE.replace(before, after))
    (problem,) = governance_problems(path)
    assert problem.endswith(word)


def test_an_unreadable_governance_file_is_a_problem(tmp_path):
    (problem,) = governance_problems(tmp_path)
    assert problem.startswith("cannot read")
    (tmp_path / "governance.p7s").write_bytes(b"\xff\x00" * 1000)
    assert len(governance_problems(tmp_path / "governance.p7s")) == 4


@pytest.mark.parametrize(("arguments", "variables", "name"), [
    ([], {}, "/"), (["-r", "/a:=/b", "--enclave", "/x"], {}, "/x"), (["-e", "/x", "-e", "/y"], {}, "/y"),
    (["-e", "/x"], {"ROS_SECURITY_ENCLAVE_OVERRIDE": "/z"}, "/z"), (["--enclave"], {}, "/")])
def test_which_enclave(arguments, variables, name):
    assert enclave_name(arguments, variables) == name


def test_the_middleware_must_be_built_with_its_plugins(tmp_path):
    plain, secure = tmp_path / "libfastdds.so.3.2.2", tmp_path / "secure" / "libfastdds.so.3.2.2"
    secure.parent.mkdir()
    plain.write_bytes(b"\x7fELF" + bytes(5000))
    secure.write_bytes(b"\x7fELF" + bytes(5000) + b"N8eprosima7fastdds4rtps8security5PKIDHE" + bytes(50))
    assert middleware_problems("rmw_fastrtps_cpp", ["/lib/libc.so.6", str(secure)]) == []
    (problem,) = middleware_problems("rmw_fastrtps_cpp", ["/lib/libc.so.6", str(plain)])
    assert problem.startswith("libfastdds.so.3.2.2 was built without its security plugins")
    (problem,) = middleware_problems("rmw_fastrtps_cpp", ["/lib/libc.so.6"])
    assert "has not loaded libfastdds.so or libfastrtps.so" in problem
    (problem,) = middleware_problems("rmw_cyclonedds_cpp", ["/lib/libddsc.so.0"])
    assert "has not loaded libdds_security_auth.so" in problem
    plugin = tmp_path / "libdds_security_auth.so.0"
    plugin.write_bytes(b"x")
    assert middleware_problems("rmw_cyclonedds_cpp", [str(plugin)]) == []
    (problem,) = middleware_problems("rmw_zenoh_cpp", [])
    assert "whether rmw_zenoh_cpp enforces security is not known here" in problem


def test_problems_are_one_line():
    require([])
    with pytest.raises(DeploymentError, match="security is required and not enforced: one; two"):
        require(["one", "two"])


def test_the_wheels_middleware_refuses_and_says_so(environment, domain, monkeypatch):
    """Here, with everything asked for: the Fast DDS of the wheels has no plugins."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    if not _wheels():
        pytest.skip("this ROS 2 has security plugins")
    with pytest.raises(DeploymentError, match="was built without its security plugins, as in the wheels") as caught:
        RosContext("test_secure", ["--enclave", ENCLAVE], domain, secure=True)
    assert "\n" not in str(caught.value)


def test_asking_without_a_keystore_is_refused_before_anything_starts(domain, monkeypatch):
    monkeypatch.delenv("ROS_SECURITY_ENABLE", raising=False)
    with pytest.raises(DeploymentError, match="expected ROS_SECURITY_ENABLE=true, got nothing"):
        RosContext("test_secure", [], domain, secure=True)


@pytest.mark.parametrize("verb", [("deploy", "policy.s2r", "--arm"), ("guard", "--robot", "ur5e")])
def test_runner_and_guard_refuse(verb, run_cli, domain, tmp_path, environment, keystore):
    """The whole commands, with nothing set and with everything set: exit code 1, one line, no robot is moved."""
    if verb[0] == "deploy":
        from tests.deployment.tiny_policy import build

        build(tmp_path / "policy.s2r")
    code, out, err = run_cli(*verb, "--require-security", "--domain-id", domain)
    assert (code, err.count("\n")) == (1, 1) and "expected ROS_SECURITY_ENABLE=true, got nothing" in err
    if _wheels():
        code, out, err = run_cli(*verb, "--require-security", "--domain-id", domain, "--ros-args", "--enclave", ENCLAVE,
                                 **environment)
        assert code == 1 and "was built without its security plugins" in err.strip().splitlines()[-1]
    shutil.rmtree(keystore)


def _wheels() -> bool:
    """Whether the middleware here lacks its plugins."""
    import rclpy

    identifier = rclpy.get_rmw_implementation_identifier()
    return bool(middleware_problems(identifier, loaded_libraries()))
