<?php
// PHP: gets a file by HTTP and prints "WAY: LENGTH SUM" of its bytes.
//
//     php get.php PORT PATH
[, $port, $path] = $argv;

function tell($way, $bytes)
{
	echo "$way: ", strlen($bytes), ' ', array_sum(unpack('C*', $bytes)), "\n";
}

function get($stream)
{
	global $path;
	fwrite($stream, "GET $path HTTP/1.0\r\n\r\n");
	return explode("\r\n\r\n", stream_get_contents($stream), 2)[1];
}

ini_set('memory_limit', '512M');
tell('fsockopen', get(fsockopen('localhost', (int)$port, $number, $text, 20)));
tell('stream_socket_client', get(stream_socket_client("tcp://localhost:$port")));
$stream = stream_socket_client("tcp://localhost:$port", $number, $text, 20,
	STREAM_CLIENT_CONNECT | STREAM_CLIENT_ASYNC_CONNECT);
$read = $except = null;
$write = [$stream];
stream_select($read, $write, $except, 20);
tell('stream_socket_client, not waiting', get($stream));
tell('file_get_contents', file_get_contents("http://localhost:$port$path"));
