//! TLS: the certificates and the key, which are checked before the first connection. Their dates are not checked, because a Pi may
//! start without the correct time.

use std::{fs, path::Path, sync::Arc};

use rumqttc::{
    TlsConfiguration, Transport,
    tokio_rustls::rustls::{
        self, ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

use crate::{Error, config::Config};

/// The certificates of the system, from Debian's ca-certificates.
const SYSTEM_CA: &str = "/etc/ssl/certs/ca-certificates.crt";
/// The supported algorithms of private keys and certificates.
const ALGORITHMS: &str = "use RSA, Ed25519, or ECDSA with P-256 or P-384";

/// # Errors
///
/// A file cannot be read or used.
pub(super) fn transport(config: &Config) -> Result<Transport, Error> {
    let ca = config.ca.as_deref().unwrap_or(Path::new(SYSTEM_CA));
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(ca)?);
    if roots.is_empty() {
        return Err(Error::config(
            ca,
            "it has no certificate of an authority that can be used",
        ));
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::config(ca, error.to_string()))?
        .with_root_certificates(roots);
    let client = match (&config.certificate, &config.private_key) {
        (Some(certificate), Some(key)) => builder
            .with_client_auth_cert(certificates(certificate)?, private_key(key)?)
            .map_err(|error| own(certificate, key, &error))?,
        _ => builder.with_no_client_auth(),
    };
    let client = TlsConfiguration::Rustls(Arc::new(client));
    Ok(Transport::tls_with_config(client))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let text = read(path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(Error::config(path, format_of(&text, "certificate", "x509"))),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    let text = read(path)?;
    PrivateKeyDer::from_pem_slice(&text)
        .map_err(|_| Error::config(path, format_of(&text, "private key", "pkey")))
}

/// What to do about a file without a certificate or key in PEM.
fn format_of(text: &[u8], what: &str, command: &str) -> String {
    let contains = |part: &[u8]| text.windows(part.len()).any(|window| window == part);
    if text.starts_with(&[0x30]) {
        format!("it has the format DER: convert it with openssl {command} -inform der")
    } else if contains(b"OPENSSH PRIVATE KEY") {
        "it is an SSH key: make a key with openssl genpkey".into()
    } else if contains(b"ENCRYPTED") {
        "the key is encrypted: decrypt it with openssl pkey".into()
    } else if contains(b"PRIVATE KEY") {
        "it has a private key and no certificate".into()
    } else if contains(b"-----BEGIN") {
        format!("it has no {what} that can be read")
    } else {
        format!("it has no {what} in the format PEM")
    }
}

/// Why the certificate and the key of this node cannot be used.
fn own(certificate: &Path, key: &Path, error: &rustls::Error) -> Error {
    let text = error.to_string();
    match error {
        rustls::Error::InconsistentKeys(_) => Error::config(
            key,
            format!("it is not the key of {}", certificate.display()),
        ),
        _ if text.contains("UnsupportedCertVersion") => Error::config(
            certificate,
            "it has X.509 version 1: give it an extension, such as subjectAltName",
        ),
        rustls::Error::General(_) => Error::config(key, format!("{text}: {ALGORITHMS}")),
        _ => Error::config(certificate, text),
    }
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::read(path, source))
}
