# mosquitto: MQTT over TLS only.  start_mosquitto sets port_mosquitto_tls; user
# "alice", password "secret".
#
# Packages: mosquitto.
needs_mosquitto="mosquitto mosquitto_passwd"

start_mosquitto()
{
	mkdir -p "$T/mosquitto"
	echo "alice:secret" >"$T/mosquitto/passwords"
	chmod 600 "$T/mosquitto/passwords"
	mosquitto_passwd -U "$T/mosquitto/passwords" || exit 1
	start_on_port mosquitto mosquitto_exec
	port_mosquitto_tls=$port
}

mosquitto_exec()
{
	local here=$T/mosquitto
	cat >"$here/conf" <<-END
	$(as_root "user root")
	$(mosquitto_listener "$1" 127.0.0.1)
	$(! ipv6_loopback || mosquitto_listener "$1" ::1)
	allow_anonymous false
	password_file $here/passwords
	persistence false
	log_dest stdout
	END
	exec mosquitto -c "$here/conf"
}

mosquitto_listener()
{
	cat <<-END
	listener $1 $2
	certfile $CERTS/good.pem
	keyfile $CERTS/good.key
	END
}
