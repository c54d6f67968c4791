/* Looking up names: results compared byte by byte. */
#include "victim.h"
#include <ctype.h>
#include <sys/time.h>

/* FNV-1a over everything that the caller can see. */
static uint64_t digest(uint64_t sum, const void *bytes, size_t len)
{
	const unsigned char *b = bytes;

	while (len-- > 0)
		sum = (sum ^ *b++) * 0x100000001b3;
	return sum;
}

/* The ignored parts of an address, sin_zero and sin6_flowinfo, apart. */
static void say_info(const char *key, const struct addrinfo *info)
{
	char text[INET6_ADDRSTRLEN] = "?", full[256];
	struct sockaddr_in v4 = { 0 };
	struct sockaddr_in6 v6 = { 0 };
	bool ignored = false;

	if (info->ai_family == AF_INET) {
		memcpy(&v4, info->ai_addr, sizeof(v4));
		inet_ntop(AF_INET, &v4.sin_addr, text, sizeof(text));
		for (size_t i = 0; i < sizeof(v4.sin_zero); i++)
			ignored |= v4.sin_zero[i] != 0;
	} else if (info->ai_family == AF_INET6) {
		memcpy(&v6, info->ai_addr, sizeof(v6));
		inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof(text));
		ignored = v6.sin6_flowinfo != 0;
	}
	snprintf(full, sizeof(full), "%s entry", key);
	say_text(full, "%s port %s flags %x type %d protocol %d (%u) %s", text,
		 port_name(ntohs(v4.sin_port | v6.sin6_port)), info->ai_flags,
		 info->ai_socktype, info->ai_protocol, info->ai_addrlen,
		 info->ai_canonname ? info->ai_canonname : "-");
	snprintf(full, sizeof(full), "%s ignored bytes", key);
	say_text(full, "%s", ignored ? "used" : "zero");
}

static void look_up(const char *name, const char *service, int family, int type,
		    int flags)
{
	struct addrinfo hints = { .ai_family = family,
				  .ai_socktype = type,
				  .ai_flags = flags };
	struct addrinfo *found = NULL;
	char key[128];
	int error = getaddrinfo(name, service, &hints, &found);
	int i = 0;

	printf("getaddrinfo %s %s %d %d %x\n", name ? name : "NULL",
	       service && isdigit((unsigned char)*service) ? "port"
	       : service				   ? service
							   : "NULL",
	       family, type, flags);
	say_text("  result", "%s", error ? gai_strerror(error) : "0");
	for (struct addrinfo *at = found; at; at = at->ai_next) {
		snprintf(key, sizeof(key), "  %d", i++);
		say_info(key, at);
	}
	if (found)
		freeaddrinfo(found);
}

static void say_host(const char *key, const struct hostent *host, int error)
{
	uint64_t sum = 0xcbf29ce484222325;
	int addresses = 0, aliases = 0;

	if (!host) {
		say_text(key, "none, h_errno %d", error);
		return;
	}
	for (; host->h_addr_list[addresses]; addresses++)
		sum = digest(sum, host->h_addr_list[addresses],
			     (size_t)host->h_length);
	for (; host->h_aliases[aliases]; aliases++)
		sum = digest(sum, host->h_aliases[aliases],
			     strlen(host->h_aliases[aliases]));
	say_text(key, "%s type %d length %d, %d addresses, %d aliases, %016llx",
		 host->h_name, host->h_addrtype, host->h_length, addresses,
		 aliases, (unsigned long long)sum);
}

static void old_style(const char *name)
{
	struct hostent host, *found;
	char buffer[4096];
	int error = 0, result;

	printf("gethostbyname %s\n", name);
	h_errno = 0;
	say_host("  gethostbyname", gethostbyname(name), h_errno);
	say_host("  gethostbyname2, IPv4", gethostbyname2(name, AF_INET),
		 h_errno);
	say_host("  gethostbyname2, IPv6", gethostbyname2(name, AF_INET6),
		 h_errno);
	found = NULL;
	result = gethostbyname_r(name, &host, buffer, sizeof(buffer), &found,
				 &error);
	say("  gethostbyname_r", result);
	say_host("  gethostbyname_r gives", found, error);
	found = NULL;
	result = gethostbyname2_r(name, AF_INET, &host, buffer, sizeof(buffer),
				  &found, &error);
	say("  gethostbyname2_r", result);
	say_host("  gethostbyname2_r gives", found, error);
	found = NULL;
	result = gethostbyname_r(name, &host, buffer, 8, &found, &error);
	say_text("  gethostbyname_r in 8 bytes", "%s", strerrorname_np(result));
	say_host("  gethostbyname_r in 8 bytes gives", found, error);
}

/* What was looked up connects, tag and all, or with a fresh sockaddr. */
static void look_up_and_connect(void)
{
	struct addrinfo hints = { .ai_family = AF_INET,
				  .ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	struct sockaddr_in copy = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (getaddrinfo("localhost", getenv("ECHO"), &hints, &found) != 0)
		exit(1);
	say("connect as found", connect(fd, found->ai_addr, found->ai_addrlen));
	say_names("connect as found", fd);
	say_echo("connect as found, echo", fd, "tagged\n");
	close(fd);
	memcpy(&copy.sin_addr,
	       &((struct sockaddr_in *)(void *)found->ai_addr)->sin_addr, 4);
	copy.sin_port = htons(port_of("ECHO"));
	fd = socket(AF_INET, SOCK_STREAM, 0);
	say("connect to a copy",
	    connect(fd, (struct sockaddr *)&copy, sizeof(copy)));
	say_echo("connect to a copy, echo", fd, "copied\n");
	close(fd);
	freeaddrinfo(found);
}

/* A resolver in a child, as lftp and irssi have it. */
static void look_up_in_child(void)
{
	struct place p = place("127.0.0.1", "ECHO");
	int pipes[2], fd;
	pid_t child;

	if (pipe(pipes) < 0)
		exit(1);
	fflush(stdout);
	child = fork();
	if (child == 0) {
		struct hostent *host = gethostbyname("localhost");
		ssize_t put = write(pipes[1], host->h_addr_list[0], 4);

		_exit(put == 4 ? 0 : 1);
	}
	if (read(pipes[0], &p.v4.sin_addr, 4) != 4)
		exit(1);
	waitpid(child, NULL, 0);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	say("resolved in a child", connect(fd, &p.any, p.len));
	say_echo("resolved in a child, echo", fd, "forked\n");
	close(fd);
	close(pipes[0]);
	close(pipes[1]);
}

int main(void)
{
	const char *port = getenv("ECHO");

	look_up("localhost", port, AF_UNSPEC, SOCK_STREAM, 0);
	look_up("localhost", port, AF_INET, SOCK_STREAM, AI_CANONNAME);
	look_up("localhost", port, AF_INET6, SOCK_STREAM, 0);
	look_up("localhost", port, AF_INET, 0, 0);
	look_up("LocalHost", "http", AF_UNSPEC, SOCK_STREAM, 0);
	look_up("localhost", NULL, AF_INET, SOCK_DGRAM, 0);
	look_up("localhost.", port, AF_INET, SOCK_STREAM, 0);
	look_up("127.0.0.1", port, AF_UNSPEC, SOCK_STREAM, AI_NUMERICHOST);
	look_up("::1", port, AF_UNSPEC, SOCK_STREAM, 0);
	look_up("127.1", port, AF_UNSPEC, SOCK_STREAM, 0);
	look_up(NULL, port, AF_UNSPEC, SOCK_STREAM, 0);
	look_up(NULL, port, AF_UNSPEC, SOCK_STREAM, AI_PASSIVE);
	look_up(NULL, NULL, AF_UNSPEC, SOCK_STREAM, 0);
	look_up("localhost", port, AF_INET, SOCK_STREAM, AI_NUMERICHOST);
	look_up("localhost", "no-such-service", AF_INET, SOCK_STREAM, 0);
	look_up("localhost", port, AF_INET, 99, 0);
	look_up("localhost", port, 99, SOCK_STREAM, 0);
	look_up("localhost", port, AF_INET, SOCK_STREAM, 0x40000000);
	look_up("", port, AF_INET, SOCK_STREAM, AI_NUMERICHOST);
	look_up("127.0.0.1", port, AF_INET6, SOCK_STREAM, AI_V4MAPPED);
	old_style("localhost");
	old_style("127.0.0.1");
	old_style("");
	look_up_and_connect();
	look_up_in_child();
	return 0;
}
