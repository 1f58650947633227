//! A WebSocket as a browser opens it.

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::{net::TcpStream, sync::mpsc};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest,
        http::{HeaderValue, StatusCode},
    },
};

use super::http::Person;

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What a socket says, as the tests see it.
#[derive(Debug)]
pub(crate) enum Heard {
    Frame(Value),
    Closed(Option<u16>, String),
}

/// An open socket.
pub(crate) struct Socket {
    out: mpsc::UnboundedSender<Message>,
    pub(crate) heard: mpsc::UnboundedReceiver<Heard>,
}

impl Socket {
    /// Opens `/ws` as this person, or says with which status it was refused.
    pub(crate) async fn open(person: &Person) -> Result<Self, StatusCode> {
        let token = person.token.as_ref();
        let query = token.map_or_else(String::new, |token| format!("?token={token}"));
        let url = format!("{}/ws{query}", person.base.replacen("http", "ws", 1));
        let mut request = url.into_client_request().expect("a valid URL");
        let headers = request.headers_mut();
        let value = |text: &str| HeaderValue::from_str(text).expect("a plain header");
        headers.insert("origin", value(&person.base));
        headers.insert("cookie", value(&person.cookies()));
        Self::open_request(request).await
    }

    /// Opens a WebSocket by any request.
    pub(crate) async fn open_request(
        request: tokio_tungstenite::tungstenite::handshake::client::Request,
    ) -> Result<Self, StatusCode> {
        match tokio_tungstenite::connect_async(request).await {
            Ok((stream, _)) => Ok(Self::run(stream)),
            Err(Error::Http(response)) => Err(response.status()),
            // Nobody there: as a browser sees it, no answer at all.
            Err(_) => Err(StatusCode::SERVICE_UNAVAILABLE),
        }
    }

    fn run(stream: Stream) -> Self {
        let (out, mut to_send) = mpsc::unbounded_channel();
        let (tell, heard) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let (mut sink, mut source) = stream.split();
            let mut close = (None, String::new());
            loop {
                tokio::select! {
                    message = to_send.recv() => {
                        let Some(message) = message else {
                            let _ = sink.close().await;
                            break;
                        };
                        if sink.send(message).await.is_err() {
                            break;
                        }
                    }
                    message = source.next() => match message {
                        Some(Ok(Message::Text(text))) => {
                            let frame = serde_json::from_str(&text).expect("frames are JSON");
                            let _ = tell.send(Heard::Frame(frame));
                        }
                        Some(Ok(Message::Close(frame))) => {
                            if let Some(frame) = frame {
                                close = (Some(u16::from(frame.code)), frame.reason.to_string());
                            }
                        }
                        Some(Ok(_)) => {}
                        Some(Err(_)) | None => break,
                    },
                }
            }
            let _ = tell.send(Heard::Closed(close.0, close.1));
        });
        Self { out, heard }
    }

    /// Says a frame.
    pub(crate) fn say(&self, frame: &Value) {
        self.say_text(&frame.to_string());
    }

    /// Says any text.
    pub(crate) fn say_text(&self, text: &str) {
        let _ = self.out.send(Message::Text(text.into()));
    }
}
