# Perl: gets a file by HTTP and prints "WAY: LENGTH SUM" of its bytes.
#
#     perl get.pl PORT PATH
use strict;
use warnings;
use HTTP::Tiny;
use IO::Select;
use IO::Socket::IP;
use Socket;

my ($port, $path) = @ARGV;

sub tell_
{
	my ($way, $bytes) = @_;
	print "$way: ", length($bytes), ' ', unpack('%64C*', $bytes), "\n";
}

sub get
{
	my ($socket) = @_;
	print $socket "GET $path HTTP/1.0\r\n\r\n";
	$socket->flush;
	local $/;
	return (split /\r\n\r\n/, <$socket>, 2)[1];
}

socket(my $plain, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
connect($plain, sockaddr_in($port, inet_aton('localhost'))) or die "connect: $!";
tell_('connect', get($plain));
tell_('IO::Socket::IP', get(IO::Socket::IP->new(PeerHost => 'localhost',
	PeerPort => $port, Type => SOCK_STREAM) || die "IO::Socket::IP: $@"));
my $later = IO::Socket::IP->new(PeerHost => 'localhost', PeerPort => $port,
	Type => SOCK_STREAM, Blocking => 0) or die "IO::Socket::IP: $@";
while (!$later->connect) {
	die "connect: $!" unless $!{EINPROGRESS} || $!{EALREADY};
	IO::Select->new($later)->can_write(20) or die 'not ready';
}
$later->blocking(1);
tell_('IO::Socket::IP, not waiting', get($later));
my $answer = HTTP::Tiny->new(timeout => 20)->get("http://localhost:$port$path");
tell_('HTTP::Tiny', $answer->{content});
