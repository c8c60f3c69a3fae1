//! Certificates of the lab: an authority, a certificate for each node, and the secret that both share. Pairing will
//! later bring them to real nodes; what the nodes do with them stays the same.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

use super::secrets;
use super::topology::Side;

/// Makes the credentials of a lab in `folder`, unless they are there.
pub(crate) fn ensure(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    // Two nodes that start at the same time have one authority.
    let lock = folder.join("lock");
    let lock = fs::File::create(&lock).with_context(|| format!("making {}", lock.display()))?;
    lock.lock().context("waiting for the credentials of the lab")?;
    if folder.join("pair.key").exists() {
        return Ok(());
    }
    let authority = authority().context("making the authority")?;
    write(&folder.join("ca.pem"), &authority.pem())?;
    for side in Side::BOTH {
        let key = KeyPair::generate().context("making a key")?;
        let certificate = node(side)?.signed_by(&key, &authority).context("signing a certificate")?;
        write(&folder.join(format!("{side}.pem")), &certificate.pem())?;
        write(&folder.join(format!("{side}.key")), &key.serialize_pem())?;
    }
    // Last: it says that the rest is complete.
    write(&folder.join("pair.key"), &hex::encode(secrets::octets::<32>()?))
}

fn authority() -> anyhow::Result<CertifiedIssuer<'static, KeyPair>> {
    let mut parameters = CertificateParams::new(Vec::new())?;
    parameters.distinguished_name.push(DnType::CommonName, "Tandem lab");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    Ok(CertifiedIssuer::self_signed(parameters, KeyPair::generate()?)?)
}

/// A node is server and client: whichever comes up later connects.
fn node(side: Side) -> anyhow::Result<CertificateParams> {
    let mut parameters = CertificateParams::new(vec![side.to_string()])?;
    parameters.distinguished_name.push(DnType::CommonName, side.to_string());
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    Ok(parameters)
}

/// Secrets are for the owner only.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Issue 2: certificates come from the lab; made once, then kept, so that a node can come back.
    #[test]
    fn credentials_are_made_once() {
        let folder = tempfile::tempdir().expect("temporary folder");
        // Both nodes at once: one set.
        std::thread::scope(|scope| {
            let starts: Vec<_> = (0..4).map(|_| scope.spawn(|| ensure(folder.path()))).collect();
            starts.into_iter().for_each(|start| start.join().expect("no panic").expect("credentials"));
        });
        let read = |name| fs::read_to_string(folder.path().join(name)).expect(name);
        let before: Vec<String> = ["ca.pem", "a.pem", "a.key", "b.pem", "b.key", "pair.key"].map(read).into();
        assert!(before[..5].iter().all(|pem| pem.starts_with("-----BEGIN ")));
        assert_eq!(before[5].len(), 64);
        ensure(folder.path()).expect("credentials");
        assert_eq!(["ca.pem", "a.pem", "a.key", "b.pem", "b.key", "pair.key"].map(read).to_vec(), before);
    }
}
