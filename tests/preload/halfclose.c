/* Ends: half-close from either side, close, and what arrives before them. */
#include "victim.h"

static void read_all(const char *key, int fd)
{
	char line[256] = "";
	size_t have = 0;
	ssize_t got;

	while ((got = read(fd, line + have, sizeof(line) - 1 - have)) > 0)
		have += (size_t)got;
	line[strcspn(line, "\n")] = '\0';
	say_text(key, "%s, then %zd", line, got);
}

/* The sink answers after our end: "BYTES SHA256". */
static void ours_first(const char *key, const char *ip)
{
	int fd = connected(ip, "SINK");

	printf("%s\n", key);
	say("  write", write(fd, "all of it\n", 10));
	say("  shutdown", shutdown(fd, SHUT_WR));
	say("  write after it", send(fd, "x", 1, MSG_NOSIGNAL));
	read_all("  answer", fd);
	say("  read after the end", read(fd, &(char){ 0 }, 1));
	say_poll("  poll", fd, POLLIN | POLLRDHUP, 10000);
	say("  shutdown again", shutdown(fd, SHUT_WR));
	close(fd);
}

/* The source sends 4 MiB and ends; we may still write. */
static void theirs_first(void)
{
	int fd = connected("127.0.0.1", "SOURCE");
	static unsigned char buffer[65536];
	unsigned long long have = 0, wrong = 0;
	ssize_t got;

	while ((got = read(fd, buffer, sizeof(buffer))) > 0)
		for (ssize_t i = 0; i < got; i++, have++)
			wrong += buffer[i] != have % 251;
	say_text("source", "%llu bytes, %llu wrong, then %zd", have, wrong,
		 got);
	say_poll("source, poll", fd, POLLIN | POLLOUT | POLLRDHUP, 10000);
	say("source, write after its end", write(fd, "thanks", 6));
	say("source, close", close(fd));
}

static void shutdown_read(void)
{
	int fd = connected("127.0.0.1", "ECHO");
	char c;

	say("SHUT_RD", shutdown(fd, SHUT_RD));
	say("SHUT_RD, read", recv(fd, &c, 1, MSG_DONTWAIT));
	say("SHUT_RDWR", shutdown(fd, SHUT_RDWR));
	say("SHUT_RDWR, read", read(fd, &c, 1));
	close(fd);
}

/* Nothing written at all. */
static void empty(void)
{
	int fd = connected("127.0.0.1", "SINK");

	shutdown(fd, SHUT_WR);
	read_all("empty", fd);
	close(fd);
}

/* A slow reader: the server must wait, and nothing is lost. */
static void slowly(void)
{
	int fd = connected("127.0.0.1", "SOURCE");
	static unsigned char buffer[65536];
	unsigned long long have = 0, wrong = 0;
	ssize_t got;

	for (int i = 0; (got = read(fd, buffer, 9999)) > 0; i++) {
		for (ssize_t j = 0; j < got; j++, have++)
			wrong += buffer[j] != have % 251;
		if (i % 50 == 0)
			usleep(5000);
	}
	say_text("slowly", "%llu bytes, %llu wrong, then %zd", have, wrong,
		 got);
	close(fd);
}

int main(void)
{
	ours_first("ours first, IPv4", "127.0.0.1");
	ours_first("ours first, IPv6", "::1");
	theirs_first();
	shutdown_read();
	empty();
	slowly();
	return 0;
}
