# Tcl: gets a file by HTTP and prints "WAY: LENGTH SUM" of its bytes.
#
#     tclsh get.tcl PORT PATH
package require http
lassign $argv port path

proc tell_ {way bytes} {
	set sum 0
	binary scan $bytes cu* numbers
	foreach number $numbers { incr sum $number }
	puts "$way: [string length $bytes] $sum"
}

proc ask {channel} {
	chan configure $channel -translation binary -blocking 1
	puts -nonewline $channel "GET $::path HTTP/1.0\r\n\r\n"
	flush $channel
	set all [read $channel]
	close $channel
	return [string range $all [string first "\r\n\r\n" $all]+4 end]
}

tell_ "socket" [ask [socket localhost $port]]

set channel [socket -async localhost $port]
chan event $channel writable { set ready 1 }
after 20000 { set ready 0 }
vwait ready
if {!$ready || [chan configure $channel -error] ne ""} { error "not connected" }
if {[lindex [chan configure $channel -peername] end] != $port} { error "peer" }
chan event $channel writable {}
tell_ "socket -async" [ask $channel]

set token [http::geturl http://localhost:$port$path -binary 1]
tell_ "http" [http::data $token]
