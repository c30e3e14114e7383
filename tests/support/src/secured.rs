//! A grid whose Redis also accepts TLS and requires client certificates, and a Sentinel that monitors it.

use devgrid::{Grid, RedisServer};

use crate::certificates::TlsRedis;

pub struct Secured {
    pub grid: Grid,
    pub redis: TlsRedis,
    _sentinel: RedisServer,
    variables: Vec<(&'static str, String)>,
}

impl Secured {
    pub fn start() -> Self {
        let redis = TlsRedis::new("localhost");
        let server = redis.builder().arg("tls-auth-clients", "yes");
        let grid = Grid::demo_builder().redis(server).start().expect("a grid");
        let watched = format!("monitor main 127.0.0.1 {} 1", grid.redis().port());
        let sentinel = RedisServer::builder().sentinel().arg("sentinel", &watched);
        let sentinel = sentinel.start().expect("a Sentinel");
        let (certificate, key) = redis.certificates.client();
        let variables = vec![
            ("ACCLIENT_TLS_URL", redis.url()),
            ("ACCLIENT_TLS_CA", redis.certificates.ca().display().to_string()),
            ("ACCLIENT_TLS_CERT", certificate.display().to_string()),
            ("ACCLIENT_TLS_KEY", key.display().to_string()),
            ("ACCLIENT_SENTINEL", format!("127.0.0.1:{}", sentinel.port())),
        ];
        Secured { grid, redis, _sentinel: sentinel, variables }
    }

    /// Returns the environment variables that describe it to a program.
    pub fn environment(&self) -> Vec<(&str, &str)> {
        self.variables.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }
}
