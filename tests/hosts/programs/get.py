# Python: gets a file by HTTP and prints "WAY: LENGTH SUM" of its bytes.
#
#     python3 get.py PORT PATH
import asyncio
import socket
import sys
import urllib.request

PORT, PATH = int(sys.argv[1]), sys.argv[2]
REQUEST = f'GET {PATH} HTTP/1.0\r\n\r\n'.encode()


def tell(way, data):
    print(f'{way}: {len(data)} {sum(data)}')


with socket.create_connection(('localhost', PORT), 20) as s, s.makefile('rb') as f:
    s.sendall(REQUEST)
    tell('create_connection', f.read().split(b'\r\n\r\n', 1)[1])


async def get():
    reader, writer = await asyncio.open_connection('localhost', PORT)
    writer.write(REQUEST)
    await writer.drain()
    data = await reader.read()
    writer.close()
    return data.split(b'\r\n\r\n', 1)[1]

tell('asyncio', asyncio.run(get()))
tell('urllib', urllib.request.urlopen(f'http://localhost:{PORT}{PATH}', timeout=20).read())
