{ Free Pascal makes its system calls itself, also where it links libc: gets
  "http://127.0.0.1:PORT/". }
program get;

uses
  BaseUnix, Sockets, SysUtils;

const
  request: string[18] = 'GET / HTTP/1.0'#13#10#13#10;
var
  s: longint;
  server: TInetSockAddr;
  answer: array[0..4095] of char;
  got: TSsize;
begin
  FillChar(server, SizeOf(server), 0);
  server.sin_family := AF_INET;
  server.sin_port := htons(StrToInt(ParamStr(1)));
  server.sin_addr := StrToNetAddr('127.0.0.1');
  s := fpSocket(AF_INET, SOCK_STREAM, 0);
  if fpConnect(s, @server, SizeOf(server)) <> 0 then
  begin
    WriteLn('connect: ', SocketError);
    Halt(1);
  end;
  fpSend(s, @request[1], Length(request), 0);
  fpShutdown(s, 1);
  got := fpRecv(s, @answer, SizeOf(answer), 0);
  if (got < 4) or (CompareByte(answer, 'HTTP', 4) <> 0) then
    Halt(1);
  while got > 0 do
  begin
    fpWrite(1, answer, got);
    got := fpRecv(s, @answer, SizeOf(answer), 0);
  end;
end.
