//! The simulator as its owner sees it.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use crate::answer::Answer;
use crate::listener;
use crate::options::Options;
use crate::requests::Request;
use crate::state::State;
use crate::tls::Tls;

/// A running Bedrock endpoint. Dropping it stops it and closes its connections.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    state: Arc<State>,
    ca_pem: Option<String>,
    /// One task, which accepts and owns the tasks of the connections.
    tasks: JoinSet<()>,
    stop: oneshot::Sender<()>,
}

impl Simulator {
    /// Listens on an address (port 0: any free port) with the default [`Options`].
    pub async fn start(listen: SocketAddr) -> std::io::Result<Self> {
        Self::start_with(listen, Options::default()).await
    }

    /// Listens on an address (port 0: any free port).
    pub async fn start_with(listen: SocketAddr, options: Options) -> std::io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let tls = options.tls.then(Tls::new).transpose()?;
        let ca_pem = tls.as_ref().map(|tls| tls.ca_pem().to_owned());
        let state = Arc::new(State::new(options));
        let mut tasks = JoinSet::new();
        let (stop, stopped) = oneshot::channel();
        tasks.spawn(listener::serve(listener, Arc::clone(&state), tls, stopped));
        Ok(Self { address, state, ca_pem, tasks, stop })
    }

    /// Where it listens, with the port it got.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The endpoint URL for a client: `http://127.0.0.1:PORT`, or with [`Options::tls`] `https://localhost:PORT`, since
    /// that is whom the certificate is for.
    pub fn endpoint(&self) -> String {
        match self.ca_pem {
            Some(_) => format!("https://localhost:{}", self.address.port()),
            None => format!("http://{}", self.address),
        }
    }

    /// With [`Options::tls`], the certificate (PEM) of the authority to trust. It is made anew for each simulator.
    pub fn ca_pem(&self) -> Option<String> {
        self.ca_pem.clone()
    }

    /// Recent requests in order of arrival: the last 1,000, or fewer if their bodies exceed 64 MiB.
    pub fn requests(&self) -> Vec<Request> {
        self.state.log().all()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.state.log().clear();
    }

    /// Queues an answer for the next request, whatever it is. Several are used up in order, before anything else is
    /// looked at: model id, validation, even the path.
    pub fn script(&self, answer: Answer) {
        self.state.script().push_back(answer);
    }

    /// How many response streams are open now. It goes down when a stream ends and as soon as the peer closes its
    /// connection, even if the stream is stalled.
    pub fn open_streams(&self) -> watch::Receiver<usize> {
        self.state.open_streams.watch()
    }

    /// How many requests are being answered now, response streams aside (from their head on, those are
    /// [`open_streams`](Self::open_streams)). It goes down when the peer closes its connection, too.
    pub fn open_requests(&self) -> watch::Receiver<usize> {
        self.state.open_requests.watch()
    }

    /// Runs until `signal` resolves, then stops.
    pub async fn run_until(self, signal: impl Future<Output = ()>) {
        signal.await;
        self.shutdown().await;
    }

    /// Stops listening, closes every connection and returns when that is done.
    pub async fn shutdown(self) {
        let Self { mut tasks, stop, .. } = self;
        drop(stop);
        while tasks.join_next().await.is_some() {}
    }
}
