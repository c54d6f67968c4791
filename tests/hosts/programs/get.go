// Go with cgo: gets a file by HTTP and prints "WAY: LENGTH SUM" of its bytes.
//
//	get libc PORT PATH    connects in C, by libc
//	get go PORT PATH      connects by package net, which makes the system call
//	                      itself
package main

/*
#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int dial(const char *host, const char *port)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list;
	int fd = -1;

	if (getaddrinfo(host, port, &hints, &list) != 0)
		return -1;
	for (struct addrinfo *i = list; i && fd < 0; i = i->ai_next) {
		fd = socket(i->ai_family, i->ai_socktype, i->ai_protocol);
		if (fd >= 0 && connect(fd, i->ai_addr, i->ai_addrlen) < 0) {
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(list);
	return fd;
}
*/
import "C"

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"unsafe"
)

func dialLibc(port string) (io.ReadWriter, error) {
	host, number := C.CString("localhost"), C.CString(port)
	defer C.free(unsafe.Pointer(host))
	defer C.free(unsafe.Pointer(number))
	fd, err := C.dial(host, number)
	if fd < 0 {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "socket"), nil
}

func main() {
	way, port, path := os.Args[1], os.Args[2], os.Args[3]
	var stream io.ReadWriter
	var err error
	if way == "libc" {
		stream, err = dialLibc(port)
	} else {
		stream, err = net.Dial("tcp", "localhost:"+port)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Fprintf(stream, "GET %s HTTP/1.0\r\n\r\n", path)
	all, err := io.ReadAll(stream)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	_, body, _ := bytes.Cut(all, []byte("\r\n\r\n"))
	sum := 0
	for _, b := range body {
		sum += int(b)
	}
	fmt.Printf("%s: %d %d\n", way, len(body), sum)
}
