# Postfix and Exim: the server takes no mail before STARTTLS.

peer_smtp()
{
	peer_port=587
	mkdir -p /srv/mail
	peer_settings="Environment=PYTHONUNBUFFERED=1"
	# It says its host's name, which must not be that of the daemon's.
	printf '%s\n' '#!/bin/sh' 'hostname server.example' 'exec "$@"' >/etc/peer/as_server
	chmod 755 /etc/peer/as_server
	peer smtp /usr/bin/unshare --uts /etc/peer/as_server /usr/bin/python3 -m aiosmtpd -n -l 0.0.0.0:587 \
		--tlscert /etc/peer/cert.pem --tlskey /etc/peer/key.pem \
		-c aiosmtpd.handlers.Mailbox /srv/mail/box && trap_port 25
}

# mails: a message, which has arrived within some seconds
mails()
{
	send_mail && within 8 arrived
}

send_mail()
{
	printf 'Subject: %s\n\nhello\n' "$token" | sendmail -f alice@example.test bob@example.test
}

arrived()
{
	grep -rqs "$token" /srv/mail/box
}

setup_postfix()
{
	peer_smtp
	ask() { postqueue -f; mails; }
	# It has been given the message when it is stopped, or keeps it.
	busy() { new_token; send_mail; }
	drained() { [ "$(postqueue -p | grep -c alice)" -gt 0 ] || arrived; }
}

# By SMTP: what a program hands to sendmail is not delivered by the daemon.
send_by_smtp()
{
	/usr/bin/python3 - "$token" <<-'PYTHON'
	import smtplib, sys
	smtplib.SMTP("127.0.0.1", 25, timeout=10).sendmail("alice@example.test",
	    "bob@example.test", "Subject: %s\n\nhello\n" % sys.argv[1])
	PYTHON
}

setup_exim4()
{
	peer_smtp
	ask() { send_by_smtp && within 8 arrived; }
	# It starts its program again, and says so.
	reload() { systemctl reload exim4 && within 10 grep 'SIGHUP received' /var/log/exim4/mainlog; }
}
