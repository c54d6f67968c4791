# NATS: a server that wants TLS behind its line INFO, and one that wants it from
# the first byte.

rows_nats()
{
	starttls_rows <<-'END'
	nats | performed | nats_starttls | node nats | node_nats
	nats | performed | nats_starttls | nc | nc_nats
	nats | performed | nats_starttls | bash | bash_nats
	nats | performed | nats_starttls | bash byte by byte | bytes_nats
	nats | performed | nats_starttls | expect | expect_nats
	nats | at once | nats_tls | node nats | node_nats
	nats | at once | nats_tls | bash | bash_nats
	nats | seen | nats_starttls | bash | bash_nats_told
	nats | seen | nats_starttls | bash byte by byte | bytes_nats_told
	nats | own | nats_starttls | node nats tls | node_nats_tls
	END
}

# It begins TLS of its own, without a CA, where INFO speaks of TLS.
node_nats() { node_nats_with nats; }
node_nats_tls() { node_nats_with nats-tls "$CA"; }

# node_nats_with NAME [CAFILE]: a message, a request, and 200,000 bytes
node_nats_with()
{
	npm_client "$1" "$host" "$port" "$tag" "${@:2}" >"$W/said" &&
		has "$W/said" "word of $tag" "answer to $tag" "200000 same"
}

nats_steps()
{
	cat <<-END
	< INFO *
	> CONNECT {"verbose":true,"user":"alice","pass":"secret"}
	< +OK
	> SUB $tag 1
	< +OK
	> PUB $tag 4
	> good
	< MSG $tag 1 4
	< good
	> PING
	< PONG
	END
}

# The program is not told of TLS.
nats_steps_done() { ! grep -q tls_ "$W/said"; }
nc_nats() { by_hand nc nats_steps; }
bash_nats() { by_hand bash nats_steps; }
bytes_nats() { by_hand bytes nats_steps; }
expect_nats() { by_hand expect nats_steps; }

# It is, and goes on as if it were not, which no real client does.
nats_told() { nats_steps; }
nats_told_done() { has "$W/said" '"tls_required":true'; }
bash_nats_told() { by_hand bash nats_told; }
bytes_nats_told() { by_hand bytes nats_told; }
