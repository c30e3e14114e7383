//! Certificates of a test authority, and a Redis that uses them.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use devgrid::{RedisServer, RedisServerBuilder, free_port};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// An authority, a server certificate, a client certificate, and an unrelated key. They are files
/// in a directory that is removed on drop.
pub struct Certificates {
    dir: PathBuf,
}

impl Certificates {
    /// Issues the server certificate for this host; for `localhost`, also for 127.0.0.1.
    pub fn new(host: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir =
            std::env::temp_dir().join(format!("acclient-tls-{}-{number}", std::process::id()));
        fs::create_dir_all(&dir).expect("a directory");
        let made = Certificates { dir };
        let ca_key = KeyPair::generate().expect("a key");
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        ca.distinguished_name.push(DnType::CommonName, "tests of acclient");
        made.write("ca.pem", &ca.self_signed(&ca_key).expect("a certificate").pem());
        let issuer = Issuer::new(ca, ca_key);
        let hosts = if host == "localhost" {
            vec![host.to_owned(), "127.0.0.1".to_owned()]
        } else {
            vec![host.to_owned()]
        };
        for (file, names) in [("server", hosts), ("client", vec!["client".to_owned()])] {
            let key = KeyPair::generate().expect("a key");
            let params = CertificateParams::new(names).expect("names");
            let certificate = params.signed_by(&key, &issuer).expect("a certificate");
            made.write(&format!("{file}.pem"), &certificate.pem());
            made.write(&format!("{file}-key.pem"), &key.serialize_pem());
        }
        made.write("other-key.pem", &KeyPair::generate().expect("a key").serialize_pem());
        made
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.dir.join(name), text).expect("a file");
    }

    pub fn ca(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }

    /// Returns certificate and key.
    pub fn server(&self) -> (PathBuf, PathBuf) {
        (self.dir.join("server.pem"), self.dir.join("server-key.pem"))
    }

    /// Returns certificate and key.
    pub fn client(&self) -> (PathBuf, PathBuf) {
        (self.dir.join("client.pem"), self.dir.join("client-key.pem"))
    }

    pub fn other_key(&self) -> PathBuf {
        self.dir.join("other-key.pem")
    }
}

impl Drop for Certificates {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// A Redis with a TLS port and a plain port, which the daemons of a grid use.
pub struct TlsRedis {
    pub certificates: Certificates,
    /// The TLS port.
    pub port: u16,
}

impl TlsRedis {
    pub fn new(host: &str) -> Self {
        let port = free_port().expect("a port");
        TlsRedis { certificates: Certificates::new(host), port }
    }

    /// Returns the URL of the TLS port.
    pub fn url(&self) -> String {
        format!("rediss://127.0.0.1:{}/", self.port)
    }

    /// Returns the configuration of the server. It does not request client certificates.
    pub fn builder(&self) -> RedisServerBuilder {
        let (certificate, key) = self.certificates.server();
        RedisServer::builder()
            .arg("tls-port", &self.port.to_string())
            .arg("tls-cert-file", &certificate.display().to_string())
            .arg("tls-key-file", &key.display().to_string())
            .arg("tls-ca-cert-file", &self.certificates.ca().display().to_string())
            .arg("tls-auth-clients", "no")
    }
}
