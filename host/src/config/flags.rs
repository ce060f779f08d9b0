//! The flags of `cloister serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::Config;

/// Flags win over the configuration file.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ServeFlags {
    /// A TOML file with settings.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where everything is kept; made when it is missing. [default: ./data]
    #[arg(long = "data", alias = "data-dir", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Address and port to listen at; port 0 takes a free one. [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// How people reach the host, when not at the address it listens at.
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// Makes a tenant `demo` and deploys every *.wasm file of this folder as a command of it.
    #[arg(long, value_name = "DIR")]
    pub demo: Option<PathBuf>,
}

impl ServeFlags {
    pub(super) fn lay_over(&self, config: &mut Config) {
        if let Some(data_dir) = &self.data_dir {
            config.store.data_dir.clone_from(data_dir);
        }
        if let Some(listen) = self.listen {
            config.server.listen = listen;
        }
        if self.public_url.is_some() {
            config.server.public_url.clone_from(&self.public_url);
        }
        config.demo.clone_from(&self.demo);
    }
}
