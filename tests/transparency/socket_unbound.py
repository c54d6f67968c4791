"""CPython's test_socket, with clients that are bound to nothing.

Its clients of UDP are bound to an address before they send to another one.  What
such a socket sends to an address that a rule is about is refused.  Without that,
they have no address that a server could be told of.
"""
from test.test_socket import *
from test.test_socket import (SendrecvmsgBase, SendrecvmsgUDP6TestBase,
                              ThreadedSocketTestMixin)


def leave_unbound(self):
    self.cli_addr = None


def accept_any(self, addr1, addr2):
    pass


ThreadedSocketTestMixin.bindClient = leave_unbound
SendrecvmsgBase.checkRecvmsgAddress = accept_any
SendrecvmsgUDP6TestBase.checkRecvmsgAddress = accept_any
