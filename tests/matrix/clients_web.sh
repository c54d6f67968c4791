# Clients that fetch and bring: HTTP, git, Subversion, rsync.

rows_web()
{
	matrix_rows <<-'END'
	curl | nginx_tls | curl_fetches | fetches 5 MB, twice on one connection
	wget | nginx_tls | wget_fetches | fetches 5 MB
	curl by IPv6 | nginx_tls | six curl_fetches | fetches 5 MB, twice on one connection
	lynx | nginx_tls | lynx_shows | shows a page
	w3m | nginx_tls | w3m_shows | shows a page
	tnftp | nginx_tls | tnftp_fetches | fetches 5 MB by HTTP
	lftp | nginx_tls | lftp_fetches | fetches 5 MB by HTTP
	git | nginx_tls | git_by_http | clones and pushes, smart HTTP
	git | gitd_tls | git_by_git | clones and pushes, git://
	svn | subversion_tls | svn_works | checks out, commits, cats
	rsync | rsync_tls | rsync_works | brings and fetches a tree
	git by IPv6 | gitd_tls | six git_by_git | clones and pushes, git://
	rsync by IPv6 | rsync_tls | six rsync_works | brings and fetches a tree
	END
}

large_is()
{
	same "$T/nginx/files/large" "$1"
}

curl_fetches()
{
	local url=http://$at:$port/files/large
	client $curl -sSf --noproxy '*' -w '%{num_connects}' \
		-o "$W/one" "$url" -o "$W/two" "$url" >"$W/connects" &&
	large_is "$W/one" && large_is "$W/two" && has "$W/connects" 10
}

wget_fetches()
{
	client wget -nv --no-proxy --tries=1 -O "$W/large" \
		"http://$at:$port/files/large" && large_is "$W/large"
}

# The page tells what the server has seen.
page_is()
{
	has "$1" "hello from nginx, TLSv1."
}

lynx_shows()
{
	no_proxy='*' client lynx -dump "http://$at:$port/" >"$W/page" &&
	page_is "$W/page"
}

w3m_shows()
{
	HOME=$W client w3m -no-proxy -dump "http://$at:$port/" >"$W/page" &&
	page_is "$W/page"
}

tnftp_fetches()
{
	HOME=$W no_proxy=$host client tnftp -V -o "$W/large" \
		"http://$at:$port/files/large" && large_is "$W/large"
}

lftp_fetches()
{
	HOME=$W client lftp -c "set net:max-retries 1; set http:proxy '';
		get http://$at:$port/files/large -o $W/large" &&
	large_is "$W/large"
}

git_by_http()
{
	git_repository "$T/nginx/git/$tag" &&
	git_works "$T/nginx/git/$tag" "http://$at:$port/git/$tag"
}

git_by_git()
{
	git_repository "$T/gitd/repositories/$tag" &&
	git_works "$T/gitd/repositories/$tag" "git://$at:$port/$tag"
}

# git_repository FOLDER: bare, with one commit of two files
git_repository()
{
	head -c 1000000 /dev/urandom >"$W/large"
	git_alone init -q -b main "$W/source" &&
	cp "$W/large" "$W/source/" && echo "$tag" >"$W/source/word" &&
	git_alone -C "$W/source" add . &&
	git_alone -C "$W/source" commit -q -m one &&
	git_alone clone -q --bare "$W/source" "$1" &&
	git_alone -C "$1" config http.receivepack true
}

# git_works FOLDER URL: fetches what is in FOLDER, and brings a commit there
git_works()
{
	git_client clone -q "$2" "$W/clone" &&
	same "$W/large" "$W/clone/large" && has "$W/clone/word" "$tag" &&
	echo "again $tag" >>"$W/clone/word" &&
	git_alone -C "$W/clone" commit -q -a -m two &&
	git_client -C "$W/clone" push -q origin HEAD:brought &&
	git_alone -C "$1" show brought:word >"$W/brought" &&
	has "$W/brought" "again $tag"
}

git_alone()
{
	HOME=$W git -c user.name=test -c user.email=test@example.test "$@"
}

git_client()
{
	HOME=$W GIT_TERMINAL_PROMPT=0 no_proxy='*' client git "$@"
}

svn_works()
{
	local url=svn://$at:$port/project
	svn_client checkout -q "$url" "$W/copy" &&
	head -c 1000000 /dev/urandom >"$W/copy/$tag" &&
	client svn add -q "$W/copy/$tag" &&
	svn_client commit -q -m "$tag" "$W/copy" &&
	svn_client cat "$url/$tag" >"$W/back" &&
	same "$W/copy/$tag" "$W/back"
}

svn_client()
{
	client svn "$@" --non-interactive --no-auth-cache --username alice \
		--password secret --config-dir "$W/config"
}

rsync_works()
{
	mkdir "$W/tree" &&
	head -c 3000000 /dev/urandom >"$W/tree/large" &&
	echo "$tag" >"$W/tree/word" &&
	rsync_client "$W/tree/" "rsync://alice@$at:$port/files/$tag/" &&
	same "$W/tree/large" "$T/rsync/files/$tag/large" &&
	rsync_client "rsync://alice@$at:$port/files/$tag/" "$W/back/" &&
	same "$W/tree/large" "$W/back/large" && has "$W/back/word" "$tag"
}

rsync_client()
{
	echo "secret word" >"$W/password"
	chmod 600 "$W/password"
	client rsync -a --password-file="$W/password" "$@"
}
