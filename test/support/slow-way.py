"""Moves Ethernet frames between two interfaces, each frame DELAY seconds after it came: `slow-way.py DELAY INTERFACE INTERFACE`.

netem would do the same, but many kernels lack it; a TCP proxy would acknowledge by itself, which a long way does not.
`slow-way.py INTERFACE...` only switches offloading off: frames on their way need a real checksum and their final size.
"""
import array, collections, fcntl, select, socket, struct, sys, time

SIOCETHTOOL = 0x8946
RX_CHECKSUM, TX_CHECKSUM, TSO, GSO, GRO = 0x15, 0x17, 0x1F, 0x24, 0x2C  # ETHTOOL_S... of linux/ethtool.h
ETH_P_ALL = 3


def switch_offloading_off(interface):
    for command in (RX_CHECKSUM, TX_CHECKSUM, TSO, GSO, GRO):
        value = array.array("I", [command, 0])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            fcntl.ioctl(control, SIOCETHTOOL, struct.pack("16sP16x", interface.encode(), value.buffer_info()[0]))


def move_frames(delay, interfaces):
    ends = [socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) for _ in interfaces]
    for end, interface in zip(ends, interfaces):
        end.bind((interface, 0))
    other = dict(zip(ends, reversed(ends)))
    waiting = collections.deque()
    while True:
        for end in select.select(ends, [], [], max(0, waiting[0][0] - time.monotonic()) if waiting else None)[0]:
            frame, (_, _, kind, *_) = end.recvfrom(65536)
            if kind != socket.PACKET_OUTGOING:
                waiting.append((time.monotonic() + delay, other[end], frame))
        while waiting and waiting[0][0] <= time.monotonic():
            _, end, frame = waiting.popleft()
            try:
                end.send(frame)
            except OSError:
                pass  # The link behind this end is down, and the frame is lost.


if sys.argv[1].replace(".", "").isdigit():
    move_frames(float(sys.argv[1]), sys.argv[2:])
else:
    for name in sys.argv[1:]:
        switch_offloading_off(name)
