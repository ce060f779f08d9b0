//! Servers on this machine that guests connect to, over plain connections or TLS, and certificates for them.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio_rustls::TlsAcceptor;

/// What a server of a test does with a connection, once it has read a request.
#[derive(Clone, Copy)]
pub(crate) enum Manner {
    /// Answers this.
    Answers(&'static str),
    /// Sends the head of an answer and then bytes without end.
    Floods,
    /// Sends the head of an answer, and then nothing.
    Stalls,
    /// Sends nothing.
    Silent,
    /// Sends this before anything was asked.
    Greets(&'static str),
}

impl Manner {
    /// Answers `hello`.
    pub(crate) const HELLO: Self =
        Self::Answers("HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-own: 1\r\n\r\nhello");
}

/// A server on this machine, and the requests that reached it.
pub(crate) struct Server {
    pub(crate) port: u16,
    scheme: &'static str,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) async fn start(manner: Manner) -> Self {
        Self::listen(manner, None).await
    }

    /// A server that speaks TLS with this certificate.
    pub(crate) async fn start_tls(manner: Manner, certificate: ServerConfig) -> Self {
        Self::listen(manner, Some(TlsAcceptor::from(Arc::new(certificate)))).await
    }

    async fn listen(manner: Manner, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let requests = Arc::default();
        let seen = Arc::clone(&requests);
        // It ends with the test's runtime.
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, tls) = (Arc::clone(&seen), tls.clone());
                tokio::spawn(async move {
                    let Some(tls) = tls else { return serve(stream, manner, seen).await };
                    // A client that does not trust the certificate hangs up.
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, manner, seen).await;
                    }
                });
            }
        });
        Self { port, scheme, requests }
    }

    pub(crate) fn url(&self) -> String {
        format!("{}://127.0.0.1:{}/", self.scheme, self.port)
    }

    pub(crate) async fn requests(&self) -> Vec<String> {
        self.requests.lock().await.clone()
    }

    /// A grant of this server.
    pub(crate) fn grant(&self) -> Value {
        json!([{"host": "127.0.0.1", "port": self.port}])
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    manner: Manner,
    seen: Arc<Mutex<Vec<String>>>,
) {
    if let Manner::Greets(text) = manner {
        // A client that has gone is what some tests wait for.
        let _ = stream.write_all(text.as_bytes()).await;
        return;
    }
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !request.ends_with(b"\n\r\n") && !request.ends_with(b"hello\n") {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => request.extend_from_slice(&buffer[..count]),
        }
    }
    seen.lock().await.push(String::from_utf8(request).unwrap());
    // A client that hangs up is what some tests wait for.
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n";
    let _ = match manner {
        Manner::Answers(answer) => {
            let _ = stream.write_all(answer.as_bytes()).await;
            stream.shutdown().await
        }
        Manner::Floods => {
            let _ = stream.write_all(head).await;
            while stream.write_all(&[b'x'; 65536]).await.is_ok() {}
            Ok(())
        }
        Manner::Stalls => {
            let _ = stream.write_all(head).await;
            stream.read(&mut buffer).await.map(|_| ())
        }
        Manner::Silent | Manner::Greets(_) => stream.read(&mut buffer).await.map(|_| ()),
    };
}

/// An authority that signs certificates of servers.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    /// Its certificate, as PEM (RFC 7468).
    pub(crate) fn pem(&self) -> String {
        let body = STANDARD.encode(self.issuer.der());
        format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
    }

    /// A server's certificate for one name or address.
    pub(crate) fn certify(&self, name: &str) -> ServerConfig {
        self.sign(CertificateParams::new([name.to_owned()]).unwrap())
    }

    /// One that is over.
    pub(crate) fn certify_long_ago(&self, name: &str) -> ServerConfig {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_after = date_time_ymd(2001, 1, 1);
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let certificate: CertificateDer<'static> = params.signed_by(&key, &self.issuer).unwrap().into();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder =
            ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        builder.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap()
    }
}
