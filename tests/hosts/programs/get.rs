// Rust: gets a file by HTTP and prints "WAY: LENGTH SUM" of its bytes.
//
//     get PORT PATH
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

fn tell(way: &str, bytes: &[u8]) {
    let sum: u64 = bytes.iter().map(|&b| b as u64).sum();
    println!("{}: {} {}", way, bytes.len(), sum);
}

fn get(mut stream: TcpStream, path: &str) -> Vec<u8> {
    let mut all = Vec::new();
    write!(stream, "GET {} HTTP/1.0\r\n\r\n", path).unwrap();
    stream.read_to_end(&mut all).unwrap();
    let head = all.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    all.split_off(head + 4)
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let port: u16 = arguments[1].parse().unwrap();
    let path = arguments[2].clone();
    let limit = Duration::from_secs(20);

    let stream = TcpStream::connect(("localhost", port)).unwrap();
    assert_eq!(stream.peer_addr().unwrap().port(), port);
    stream.set_nodelay(true).unwrap();
    assert!(stream.nodelay().unwrap());
    tell("TcpStream::connect", &get(stream, &path));

    let connected = ("localhost", port)
        .to_socket_addrs()
        .unwrap()
        .find_map(|address| TcpStream::connect_timeout(&address, limit).ok())
        .unwrap();
    tell("TcpStream::connect_timeout", &get(connected, &path));

    let threads: Vec<_> = (0..4)
        .map(|_| {
            let path = path.clone();
            std::thread::spawn(move || {
                let stream = TcpStream::connect(("localhost", port)).unwrap();
                get(stream.try_clone().unwrap(), &path)
            })
        })
        .collect();
    let mut all: Vec<_> = threads.into_iter().map(|t| t.join().unwrap()).collect();
    all.dedup();
    tell("TcpStream in four threads", &all.concat());
}
