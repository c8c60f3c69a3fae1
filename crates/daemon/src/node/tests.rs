//! Rows H10, H13, H28: what a node knows about itself.

use super::*;

const WHOLE: &str = r#"
name = "a"
serial-number = "TD-A"
coordinator = true
data = "data"
run = "/run/tandem"
listen = "10.30.0.1"
[peer]
name = "b"
addresses = ["10.30.0.2", "10.20.0.2"]
[credentials]
authority = "ca.pem"
certificate = "node.pem"
key = "node.key"
secret = "pair.key"
[ports]
store = 6000
"#;

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("temporary folder");
    let files =
        [("ca.pem", "CA"), ("node.pem", "CERTIFICATE"), ("node.key", "KEY"), ("pair.key", &"0f".repeat(32))];
    for (name, content) in files {
        fs::write(folder.path().join(name), format!("{content}\n")).expect("write");
    }
    folder
}

/// H10: the whole file, with credentials read and relative paths from its folder.
#[test]
fn reads_the_whole_file() {
    let folder = folder();
    let path = folder.path().join("node.toml");
    fs::write(&path, WHOLE).expect("write");
    let identity = NodeIdentity::load(&path).expect("node file");
    assert_eq!(identity.name.as_str(), "a");
    assert!(identity.coordinator);
    assert_eq!(identity.data, folder.path().join("data"));
    assert_eq!(identity.run, Path::new("/run/tandem"));
    let peer = identity.peer.as_ref().expect("peer");
    assert_eq!(
        peer.addresses,
        ["10.30.0.2".parse::<IpAddr>().expect("ip"), "10.20.0.2".parse().expect("ip")]
    );
    assert_eq!(identity.ports, Ports { cluster: 5405, store: 6000, pbx: 5407 });
    let credentials = identity.credentials.as_ref().expect("credentials");
    assert_eq!(credentials.pair_secret.reveal(), &[0x0f; 32]);
    assert!(!format!("{identity:?}").contains("KEY"), "the private key must not print");
    assert_eq!(identity.derive("x"), Some(secret::derive(&credentials.pair_secret, "x")));
}

/// A single box has neither peer nor credentials.
#[test]
fn a_single_box_needs_no_credentials() {
    let text = WHOLE.split("[peer]").next().expect("head");
    let identity = NodeIdentity::parse(text, Path::new("/etc/tandem/node.toml")).expect("node file");
    assert!(identity.peer.is_none() && identity.credentials.is_none());
    assert_eq!(identity.derive("x"), None);
}

/// U13: every problem is said at once, by key.
#[test]
fn lists_every_problem() {
    let text = r#"
name = "Rack A"
cordinator = true
data = 7
listen = "10.30.0"
[peer]
name = "b"
addresses = []
[ports]
store = 70000
"#;
    let error = NodeIdentity::parse(text, Path::new("node.toml")).expect_err("it is wrong");
    let NodeFileError::Content { problems, .. } = &error else { panic!("{error}") };
    for key in
        ["name", "serial-number", "data", "run", "listen", "cordinator", "peer.addresses", "ports.store"]
    {
        assert!(
            problems.iter().any(|problem| problem.starts_with(&format!("{key}:"))),
            "{key} in {problems:?}"
        );
    }
    assert!(problems.iter().any(|problem| problem.starts_with("credentials:")), "{problems:?}");
    assert_eq!(problems.len(), 9, "{problems:?}");
}

/// A secret that is no 32 octets is refused without being shown.
#[test]
fn a_bad_secret_is_refused() {
    let folder = folder();
    fs::write(folder.path().join("pair.key"), "c0ffee").expect("write");
    let error = NodeIdentity::parse(WHOLE, &folder.path().join("node.toml")).expect_err("short secret");
    assert!(error.to_string().contains("credentials.secret"), "{error}");
    assert!(!error.to_string().contains("c0ffee"), "{error}");
}
