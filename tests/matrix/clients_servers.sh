# Servers that are clients of another.

rows_servers()
{
	matrix_rows <<-'END'
	nginx proxy_pass | nginx_tls | nginx_passes | hands 5 MB on, keeps the connection
	redis-server replica | redis_tls | redis_follows | takes the data over, then what is new
	mosquitto bridge | mosquitto_tls | mosquitto_bridges | takes messages over
	END
}

# while_it_runs COMMAND…: is true if COMMAND is, within the time that the last
# background process has; ends that one
while_it_runs()
{
	local pid=$!
	within "$((LIMIT / 2))" "$@" 2>"$W/waited"
	set -- $?
	kill_tree "$pid"
	return "$1"
}

nginx_passes()
{
	cat >"$W/conf" <<-END
	daemon off;
	master_process off;
	pid $W/pid;
	events { }
	http {
		access_log off;
		client_body_temp_path $W; proxy_temp_path $W;
		fastcgi_temp_path $W; uwsgi_temp_path $W; scgi_temp_path $W;
		upstream behind { server $at:$port; keepalive 2; }
		server {
			listen unix:$W/socket;
			location / {
				proxy_pass http://behind;
				proxy_http_version 1.1;
				proxy_set_header Connection "";
			}
		}
	}
	END
	client nginx -c "$W/conf" -p "$W" -e "$W/error.log" &
	while_it_runs nginx_has_passed && nginx_has_kept
}

nginx_has_passed()
{
	local url=http://behind/files/large
	curl -sSf --unix-socket "$W/socket" -o "$W/one" "$url" \
		-o "$W/two" "$url" -o "$W/three" "$url" &&
	large_is "$W/one" && large_is "$W/two" && large_is "$W/three"
}

# One line of the relay is one connection: not more than the name has addresses
nginx_has_kept()
{
	local addresses
	addresses=$(getent ahosts "$host" | awk '{ print $1 }' | sort -u | wc -l)
	[ "$(wc -l <"$W/log")" -le "$addresses" ] ||
		{ cat "$W/log" >&2; return 1; }
}

redis_follows()
{
	redis_client SET "$tag" "word of $tag" >"$W/set"
	client redis-server --port 0 --unixsocket "$W/socket" --dir "$W" \
		--save '' --replicaof "$host" "$port" \
		--masteruser alice --masterauth secret >"$W/server" &
	while_it_runs redis_has_followed
}

redis_has_followed()
{
	redis-cli -s "$W/socket" GET "$tag" >"$W/got" &&
	has "$W/got" "word of $tag" &&
	redis_client APPEND "$tag" ", and more" >"$W/set" &&
	within 10 redis_has_more
}

redis_has_more()
{
	redis-cli -s "$W/socket" GET "$tag" >"$W/got" &&
	has "$W/got" "word of $tag, and more"
}

mosquitto_bridges()
{
	client mosquitto_pub -h "$host" -p "$port" -u alice -P secret -q 1 -r \
		-t "test/$tag" -m "word of $tag"
	cat >"$W/conf" <<-END
	$(as_root "user root")
	listener 0 $W/socket
	allow_anonymous true
	connection other
	address $host:$port
	remote_username alice
	remote_password secret
	remote_clientid $tag
	topic test/$tag in 1
	END
	client mosquitto -c "$W/conf" &
	while_it_runs mosquitto_has_bridged
}

mosquitto_has_bridged()
{
	mosquitto_sub --unix "$W/socket" -t "test/$tag" -C 1 -W 2 >"$W/got" &&
	has "$W/got" "word of $tag"
}
