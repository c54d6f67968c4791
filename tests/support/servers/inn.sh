# INN's nnrpd: news.  start_inn sets
#
#   port_inn_tls         TLS from the first byte
#   port_inn_starttls    STARTTLS, required for every group
#
# The group test.general has one article, <first@example.test>.  What is posted
# lands in $T/inn/incoming.
#
# Debian's package does not let itself be installed on a machine without a
# domain name; it is unpacked into $BUILD/unpacked.
#
# Packages: the libraries that it needs, "libraries-of:inn2".
needs_inn="apt-get dpkg-deb"

start_inn()
{
	inn_root=$BUILD/unpacked
	"$TESTS/support/unpack.sh" "$inn_root" inn2 inn2-inews >&2 || exit 1
	inn_configure
	inn_article
	inn_arguments=-S
	start_on_port inn-tls inn_exec && port_inn_tls=$port
	inn_arguments=
	start_on_port inn inn_exec && port_inn_starttls=$port
}

inn_arguments=

inn_run()
{
	INNCONF=$T/inn/inn.conf LD_LIBRARY_PATH=$inn_root/usr/lib/news \
		"$inn_root/usr/lib/news/bin/$@"
}

inn_configure()
{
	local here=$T/inn
	mkdir -p "$here"/{etc,run,db,tmp,log,overview,incoming,outgoing,archive} \
		"$here/articles/test/general"
	inn_user=$(id -un)
	if [ "$(id -u)" -eq 0 ]; then
		inn_user=news
		chmod 711 "$T"
	fi
	cp "$CERTS/good.pem" "$CERTS/good.key" "$here/etc/"
	chmod 600 "$here/etc/good.key"
	cat >"$here/inn.conf" <<-END
	mta: "/bin/true %s"
	organization: test
	domain: example.test
	server: 127.0.0.1
	pathhost: news.example.test
	complaints: abuse@example.test
	fromhost: example.test
	runasuser: $inn_user
	runasgroup: $(id -gn "$inn_user")
	hismethod: hisv6
	enableoverview: true
	nnrpdloadlimit: 0
	ovmethod: tradindexed
	patharchive: $here/archive
	patharticles: $here/articles
	pathbin: $inn_root/usr/lib/news/bin
	pathdb: $here/db
	pathetc: $here/etc
	pathfilter: $here/etc
	pathhttp: $here/log
	pathincoming: $here/incoming
	pathlog: $here/log
	pathnews: $here
	pathoutgoing: $here/outgoing
	pathoverview: $here/overview
	pathrun: $here/run
	pathspool: $here
	pathtmp: $here/tmp
	tlscafile: $CERTS/ca.pem
	tlscertfile: $here/etc/good.pem
	tlskeyfile: $here/etc/good.key
	END
	cat >"$here/etc/readers.conf" <<-END
	auth "before" {
		hosts: "*"
		default: "stranger"
	}
	auth "encrypted" {
		hosts: "*"
		require_encryption: true
		default: "reader"
	}
	access "before" {
		users: "stranger"
		newsgroups: "!*"
	}
	access "encrypted" {
		users: "reader"
		newsgroups: "*"
		access: RP
	}
	END
	printf 'method tradspool {\n\tclass: 0\n\tnewsgroups: *\n}\n' \
		>"$here/etc/storage.conf"
	: >"$here/etc/inn-secrets.conf"
}

inn_article()
{
	local here=$T/inn
	echo "test.general 0000000001 0000000001 y" >"$here/db/active"
	echo "test.general 1000000000 root" >"$here/db/active.times"
	printf 'test.general\tFor tests\n' >"$here/db/newsgroups"
	: >"$here/log/news"
	cat >"$here/articles/test/general/1" <<-END
	Path: news.example.test!not-for-mail
	From: Alice <alice@example.test>
	Newsgroups: test.general
	Subject: the first article
	Date: Tue, 03 Nov 2020 10:00:00 +0000
	Message-ID: <first@example.test>
	Xref: news.example.test test.general:1
	Lines: 1

	What the first article says.
	END
	[ "$(id -u)" -ne 0 ] || chown -R "$inn_user" "$here"
	if ! inn_run makehistory -O -s 1000 >"$here/makehistory.log" 2>&1; then
		cat "$here/makehistory.log" >&2
		exit 1
	fi
}

inn_exec()
{
	local addresses="-4 127.0.0.1"
	! ipv6_loopback || addresses="$addresses -6 ::1"
	export INNCONF=$T/inn/inn.conf
	export LD_LIBRARY_PATH=$inn_root/usr/lib/news
	exec "$inn_root/usr/lib/news/bin/nnrpd" -D -f -n -o $inn_arguments \
		$addresses -p "$1"
}
