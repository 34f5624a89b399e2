//! Sends back whatever comes over WebSocket, for the Autobahn test suite to judge:
//! `echo-websocket serve ADDRESS | call URL`

use std::process::ExitCode;

use axum::http::{HeaderName, HeaderValue, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use turbomcp::transport::websocket::{WebSocketTransport, WsConfig, handshake};
use turbomcp::transport::{Batch, Receive, Send, Transport};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + std::marker::Send + Sync>>;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", address] => serve(address).await,
        ["call", url] => call(url).await,
        _ => Err("usage: echo-websocket serve ADDRESS | call URL".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(address: &str) -> Outcome {
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            // Whoever only looks whether somebody listens says nothing.
            if let Ok(transport) = accept(stream).await {
                echo(transport).await;
            }
        });
    }
}

/// Makes the server's side of the handshake.
async fn accept(mut stream: TcpStream) -> Outcome<WebSocketTransport<TcpStream>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head)?;
    let mut request = Request::new(());
    for line in head.lines().skip(1) {
        if let Some((name, value)) = line.split_once(':') {
            request.headers_mut().append(HeaderName::try_from(name)?, HeaderValue::try_from(value.trim())?);
        }
    }
    let mut answer = b"HTTP/1.1 101 Switching Protocols\r\n".to_vec();
    for (name, value) in &handshake::accept(&request.into_parts().0)? {
        answer.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    stream.write_all(&[&answer[..], b"\r\n"].concat()).await?;
    Ok(WebSocketTransport::accepted(stream))
}

/// Has the suite's server run its cases one after the other, and write its report.
async fn call(url: &str) -> Outcome {
    let connect = |path: String| WebSocketTransport::connect(WsConfig::new().url(format!("{url}{path}")));
    let (mut receive, _send) = connect("/getCaseCount".to_owned()).await?.split();
    let count = receive.recv().await?.ok_or("the suite does not say how many cases there are")?;
    let count: usize = std::str::from_utf8(&count)?.parse()?;
    for case in 1..=count {
        echo(connect(format!("/runCase?case={case}&agent=turbomcp")).await?).await;
    }
    echo(connect("/updateReports?agent=turbomcp".to_owned()).await?).await;
    Ok(())
}

async fn echo(transport: impl Transport) {
    let (mut receive, mut send) = transport.split();
    while let Ok(Some(message)) = receive.recv().await {
        let line = [&message[..], b"\n"].concat();
        if send.send(Batch::from_lines(&line)).await.is_err() {
            break;
        }
    }
    let _ = send.close().await;
}
