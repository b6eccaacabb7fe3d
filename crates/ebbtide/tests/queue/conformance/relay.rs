use std::io;

use ebbtide::testing::queue::Relay;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

async fn echo(stream: &mut TcpStream) -> io::Result<Option<u8>> {
    stream.write_all(b"a").await?;
    let mut answer = [0];
    let read = stream.read(&mut answer).await?;
    Ok(answer[..read].first().copied())
}

#[tokio::test]
async fn a_relay_passes_bytes_until_it_is_cut_and_again_when_it_is_mended() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let broker = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut clients = JoinSet::new();
        while let Ok((mut client, _)) = listener.accept().await {
            clients.spawn(async move {
                let (mut from, mut to) = client.split();
                tokio::io::copy(&mut from, &mut to).await
            });
        }
    });
    let relay = Relay::open(&broker.to_string()).await.unwrap();
    for _ in 0..3 {
        relay.mend().await.unwrap();
        let mut stream = TcpStream::connect(relay.address()).await.unwrap();
        assert_eq!(echo(&mut stream).await.unwrap(), Some(b'a'));
        relay.cut().await;
        assert_ne!(echo(&mut stream).await.unwrap_or_default(), Some(b'a'), "it goes on");
        let refused = TcpStream::connect(relay.address()).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    }
}
