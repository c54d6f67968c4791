// Rust, linked statically with glibc: gets "http://HOST:PORT/", where HOST is
// looked up by libc.
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

fn main() -> std::io::Result<()> {
    let mut answer = String::new();
    let mut stream = TcpStream::connect(std::env::args().nth(1).unwrap())?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    stream.shutdown(Shutdown::Write)?;
    stream.read_to_string(&mut answer)?;
    print!("{}", answer);
    Ok(())
}
