# Servers of DTLS, each behind a way that counts (wire.c), and beside each the same
# without DTLS.  start_NAME sets
#
#   port_NAME    the way to the server
#   plain_NAME   a plain server that does the same work
#   heard_NAME   what the server has written down, if it does; plain_heard_NAME
#   needs_NAME   the programs that must be there
#
# Everything is in $U.

# port_of NAME: what front or wire has told
port_of()
{
	wait_for "$U/$1.port" "$1"
	port=$(cat "$U/$1.port")
}

# front NAME WORD…: sets $port
front()
{
	start "$1" "$UDP/front" "$U" "$@"
	port_of "$1"
}

# wire NAME SERVER_PORT WORD…: sets $port
wire()
{
	start "$1" "$UDP/wire" "$U" "$@"
	port_of "$1"
}

# udp_bound PORT: has any address of this network it?
udp_bound()
{
	grep -qi "$(printf ':%04X [0-9A-F]*:0000 ' "$1")" /proc/net/udp /proc/net/udp6 2>/dev/null
}

# start_udp NAME FUNCTION [COUNT]: as start_on_port (lib.sh), of datagrams.  All but
# the first of COUNT (1) ports follow it.
start_udp()
{
	local try one
	for try in 1 2 3 4 5; do
		port=$((20000 + RANDOM % 12000))
		for ((one = port; one < port + ${3:-1}; one++)); do
			! udp_bound "$one" || continue 2
		done
		start "$1" "$2" "$port"
		within 20 bound_or_ended "$!" "$port" "${3:-1}" && kill -0 "$!" && return
	done 2>/dev/null
	cat "$T/$1.log" >&2
	exit 1
}

bound_or_ended()
{
	local one
	kill -0 "$1" || return 0
	for ((one = $2; one < $2 + $3; one++)); do
		udp_bound "$one" || return
	done
}

# --- the suite's own ----------------------------------------------------------

start_echo()
{
	front echo-tls "tls=$CERTS/good" && wire echo "$port" && port_echo=$port
	front echo-plain && plain_echo=$port
	heard_echo=$U/echo-tls.data plain_heard_echo=$U/echo-plain.data
}

start_sink()
{
	front sink-tls "tls=$CERTS/good" sink && wire sink "$port" && port_sink=$port
	front sink-plain sink && plain_sink=$port
	heard_sink=$U/sink-tls.data plain_heard_sink=$U/sink-plain.data
}

# --- OpenSSL, GnuTLS ------------------------------------------------------------

# Both have one association after the other, and what is no DTLS would be one.
start_openssl()
{
	start_udp openssl exec_openssl
	wire openssl-way "$port" only-dtls && port_openssl=$port
	front openssl-plain sink && plain_openssl=$port
	heard_openssl=$T/openssl.log plain_heard_openssl=$U/openssl-plain.data
}

# It ends when its standard input does: this one never does.
exec_openssl()
{
	[ -p "$U/openssl.fifo" ] || mkfifo "$U/openssl.fifo"
	exec openssl s_server -4 -dtls1_2 -accept "127.0.0.1:$1" -cert "$CERTS/good.pem" \
		-key "$CERTS/good.key" -quiet <>"$U/openssl.fifo"
}

needs_gnutls=gnutls-serv
start_gnutls()
{
	start_udp gnutls exec_gnutls
	wire gnutls-way "$port" only-dtls && port_gnutls=$port
	front gnutls-plain && plain_gnutls=$port
}

exec_gnutls()
{
	exec gnutls-serv --udp --echo -p "$1" --x509certfile "$CERTS/good.pem" \
		--x509keyfile "$CERTS/good.key"
}

# --- CoAP ---------------------------------------------------------------------

# coap NAME PROGRAM: it has its plain port itself, and DTLS on the next
coap()
{
	coap_program=$2
	start_udp "$1" exec_coap 2
	declare -g "plain_$1=$port"
	wire "$1-way" $((port + 1))
	declare -g "port_$1=$port"
}

exec_coap()
{
	local proof=(-c "$CERTS/good.pem" -j "$CERTS/good.key" -n)
	[ ! "${coap_key-}" ] || proof=(-k "$coap_key")
	exec "$coap_program" -A 127.0.0.1 -p "$1" -d 100 -v 7 "${proof[@]}"
}

needs_coapopenssl=coap-server-openssl
start_coapopenssl()
{
	coap coapopenssl coap-server-openssl
}

needs_coapgnutls=coap-server-gnutls
start_coapgnutls()
{
	coap coapgnutls coap-server-gnutls
}

# --- pre-shared keys --------------------------------------------------------------

# keys_make: the key of "gateway", as text and in a file; a file with another one
keys_make()
{
	key_text=sixteen-letters.
	key_hex=$(printf %s "$key_text" | od -An -tx1 | tr -d ' \n')
	(umask 077; printf '%s\n' "another:00" "gateway:$key_hex" >"$U/keys.psk"
		printf '%s\n' "gateway:${key_hex%??}00" "nobody:$key_hex" >"$U/others.psk")
}

# libcoap's take the key whoever asks.
needs_coapopensslkey=coap-server-openssl
start_coapopensslkey()
{
	keys_make
	coap_key=$key_text coap coapopensslkey coap-server-openssl
}

needs_coapgnutlskey=coap-server-gnutls
start_coapgnutlskey()
{
	keys_make
	coap_key=$key_text coap coapgnutlskey coap-server-gnutls
}

start_opensslkey()
{
	keys_make
	start_udp opensslkey exec_opensslkey
	wire opensslkey-way "$port" only-dtls && port_opensslkey=$port
	front opensslkey-plain sink && plain_opensslkey=$port
	heard_opensslkey=$T/opensslkey.log plain_heard_opensslkey=$U/opensslkey-plain.data
}

exec_opensslkey()
{
	[ -p "$U/opensslkey.fifo" ] || mkfifo "$U/opensslkey.fifo"
	exec openssl s_server -4 -dtls1_2 -accept "127.0.0.1:$1" -nocert -psk "$key_hex" \
		-psk_identity gateway -quiet <>"$U/opensslkey.fifo"
}

# gnutls_key NAME PRIORITY: with these key exchanges and no other
gnutls_key()
{
	keys_make
	gnutls_priority=NORMAL:-KX-ALL:$2
	start_udp "$1" exec_gnutls_key
	wire "$1-way" "$port" only-dtls
	declare -g "port_$1=$port"
	front "$1-plain"
	declare -g "plain_$1=$port"
}

exec_gnutls_key()
{
	exec gnutls-serv --udp --echo -p "$1" --pskpasswd "$U/keys.psk" \
		--priority "$gnutls_priority"
}

needs_gnutlskey=gnutls-serv
start_gnutlskey()
{
	gnutls_key gnutlskey +ECDHE-PSK:+DHE-PSK:+PSK
}

# As small devices are (RFC 7925, 4.2).
needs_gnutlsccm=gnutls-serv
start_gnutlsccm()
{
	gnutls_key gnutlsccm +PSK:-CIPHER-ALL:+AES-128-CCM-8
}

# --- RADIUS -------------------------------------------------------------------

# It answers itself, and demands a certificate of the client.  The secret is what
# RFC 7360 and its own default say.
needs_radius=radsecproxy
start_radius()
{
	radius_secret=$(radius_default)
	start_udp radius exec_radius 2
	plain_radius=$port
	wire radius-way $((port + 1)) && port_radius=$port
}

# "radsec" up to 1.9, "radius/dtls" since 1.10
radius_default()
{
	local version=$(radsecproxy -v 2>&1 | grep -oE '1\.[0-9]+' | head -n 1)
	if [ "${version#1.}" -ge 10 ]; then echo radius/dtls; else echo radsec; fi
}

exec_radius()
{
	cat >"$U/radius.conf" <<-END
	ListenUDP 127.0.0.1:$1
	ListenDTLS 127.0.0.1:$(($1 + 1))
	LogLevel 2
	LogDestination file:///$U/radius.log
	tls default {
		CACertificateFile $CA
		CertificateFile $CERTS/good.pem
		CertificateKeyFile $CERTS/good.key
	}
	client udp {
		host 127.0.0.1
		type udp
		secret $radius_secret
	}
	client dtls {
		host 127.0.0.1
		type dtls
		CertificateNameCheck off
	}
	realm * {
		replymessage "nobody of that realm"
		accountingresponse on
	}
	END
	exec radsecproxy -f -c "$U/radius.conf"
}

# --- syslog --------------------------------------------------------------------

# Debian 13's rsyslog and later ones have it.
have_imdtls()
{
	ls /usr/lib/*/rsyslog/imdtls.so >/dev/null 2>&1
}

# Both modules in one daemon.
needs_imdtls=rsyslogd
start_imdtls()
{
	start_udp imdtls exec_imdtls 2
	plain_imdtls=$port
	wire imdtls-way $((port + 1)) && port_imdtls=$port
	heard_imdtls=$U/imdtls/heard plain_heard_imdtls=$heard_imdtls
}

# With "address" 8.2504's imdtls cannot bind.
exec_imdtls()
{
	mkdir -p "$U/imdtls"
	cat >"$U/imdtls/conf" <<-END
	global(workDirectory="$U/imdtls")
	module(load="imudp")
	module(load="imdtls")
	input(type="imudp" address="127.0.0.1" port="$1")
	input(type="imdtls" port="$(($1 + 1))" tls.cacert="$CA"
		tls.mycert="$CERTS/good.pem" tls.myprivkey="$CERTS/good.key"
		tls.authmode="off")
	action(type="omfile" file="$U/imdtls/heard")
	END
	exec rsyslogd -n -f "$U/imdtls/conf" -i "$U/imdtls/pid"
}

# --- real servers of datagrams, behind the suite's front ---------------------------

# behind NAME: $port has a plain server; sets port_NAME and plain_NAME
behind()
{
	declare -g "plain_$1=$port"
	front "$1-tls" "tls=$CERTS/good" "to=$port"
	wire "$1-way" "$port"
	declare -g "port_$1=$port"
}

needs_dns=dnsmasq
start_dns()
{
	start_udp dnsmasq exec_dnsmasq
	behind dns
}

exec_dnsmasq()
{
	exec dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts \
		--bind-interfaces --listen-address=127.0.0.1 --port="$1" --user= --pid-file= \
		--host-record=here.example.test,192.0.2.7 \
		--txt-record=long.example.test,"$(printf '%0200d' 1)","$(printf '%0200d' 2)"
}

needs_snmp=snmpd
start_snmp()
{
	start_udp snmpd exec_snmpd
	behind snmp
}

exec_snmpd()
{
	mkdir -p "$U/snmp"
	printf '%s\n' 'rocommunity public 127.0.0.1' 'sysLocation the cellar' >"$U/snmpd.conf"
	SNMP_PERSISTENT_DIR=$U/snmp exec snmpd -f -Lo -C -c "$U/snmpd.conf" \
		-I system_mib -p "$U/snmpd.pid" "udp:127.0.0.1:$1"
}

needs_sip=sipp
start_sip()
{
	start_udp sipp exec_sipp
	behind sip
}

exec_sipp()
{
	cd "$U" && TERM=dumb exec sipp -sn uas -i 127.0.0.1 -p "$1" -nostdin
}

# --- servers whose port is not to be chosen ------------------------------------------
#
# They are root's, in a network of his own.

# is_alone: is this such a network?
is_alone()
{
	[ "${XSOCK_TEST_WORLD-}" = entered ]
}

# start_fixed NAME PORT COMMAND…: sets $port
start_fixed()
{
	start "$1" "${@:3}"
	port=$2
	within 20 udp_bound "$port" && return
	cat "$T/$1.log" >&2
	exit 1
}

# chrony's, whose client is told the port.
needs_time=chronyd
start_time()
{
	start_udp chronyd exec_chronyd
	behind time
}

# exec_chronyd PORT [ADDRESS]: tells the time that this machine has
exec_chronyd()
{
	cat >"$U/chronyd-$1.conf" <<-END
	bindaddress ${2-127.0.0.1}
	port $1
	local stratum 8
	allow all
	cmdport 0
	bindcmdaddress /
	pidfile $U/chronyd-$1.pid
	END
	exec chronyd -4 -x -d -U -u "$(id -un)" -f "$U/chronyd-$1.conf"
}

# ntpdig asks port 123 alone, which the way has: a plain server has it at another
# address.
needs_ntp=chronyd
start_ntp()
{
	server_start time
	start_fixed ntp 123 exec_chronyd 123 127.0.0.2
	front ntp-tls "tls=$CERTS/good" "to=$plain_time"
	wire ntp-way "$port" port=123
	port_ntp=123 plain_ntp=123
}

# With bind-interfaces and a single port, 2.90 sends from no address.
needs_files=dnsmasq
start_files()
{
	mkdir -p "$U/files"
	head -c 5000 /dev/urandom >"$U/files/file"
	start_fixed files 69 dnsmasq --keep-in-foreground --conf-file=/dev/null --port=0 \
		--listen-address=127.0.0.1 --user= --pid-file= \
		--enable-tftp --tftp-root="$U/files" --tftp-single-port
	behind files
}

# Its files are below /run.  (With -h, 1.2.6 frees something twice.)
needs_rpc="rpcbind rpcinfo"
start_rpc()
{
	start_fixed rpc 111 unshare -m sh -c 'mount -t tmpfs run /run && exec rpcbind -f'
	behind rpc
}
