package process

import (
	"encoding/binary"
	"errors"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The kernel is asked for one socket by its two addresses (sock_diag(7)); whose it is, stands in /proc.

const (
	askFor    = unix.SizeofNlMsghdr + 56 // struct nlmsghdr, struct inet_diag_req_v2
	answerMin = unix.SizeofNlMsghdr + 72 // struct nlmsghdr, struct inet_diag_msg
	uidAt     = unix.SizeofNlMsghdr + 64
	inodeAt   = unix.SizeofNlMsghdr + 68

	answerIn = 50 * time.Millisecond // the kernel answers at once
)

// held is what the kernel says of a socket.
type held struct{ uid, inode uint32 }

func (f *Finder) find(s Socket, until time.Time) string {
	h, err := ask(s)
	if err != nil || h.inode == 0 {
		return ""
	}
	link := "socket:[" + strconv.FormatUint(uint64(h.inode), 10) + "]"
	for _, pid := range f.lately() {
		if holds(pid, link) {
			f.note(pid)
			return programOf(pid)
		}
	}
	all, err := os.Open("/proc")
	if err != nil {
		return ""
	}
	defer all.Close()
	for time.Now().Before(until) {
		names, err := all.Readdirnames(256)
		for _, name := range names {
			pid, notOne := strconv.Atoi(name)
			if notOne != nil || !of(pid, h.uid) || !holds(pid, link) {
				continue
			}
			f.note(pid)
			return programOf(pid)
		}
		if err != nil {
			break
		}
	}
	return ""
}

// of reports whether a process is of a user. Others are not looked at: it would take long, and is mostly not allowed.
func of(pid int, uid uint32) bool {
	var st unix.Stat_t
	return unix.Stat("/proc/"+strconv.Itoa(pid), &st) == nil && st.Uid == uid
}

func holds(pid int, link string) bool {
	path := "/proc/" + strconv.Itoa(pid) + "/fd"
	dir, err := os.Open(path)
	if err != nil {
		return false // it has ended, or is another user's
	}
	defer dir.Close()
	var text [64]byte
	for {
		names, err := dir.Readdirnames(256)
		for _, name := range names {
			if n, err := unix.Readlink(path+"/"+name, text[:]); err == nil && string(text[:n]) == link {
				return true
			}
		}
		if err != nil {
			return false
		}
	}
}

// programOf gives the path of a process's program, or what it calls itself where that is not to be seen.
func programOf(pid int) string {
	path := "/proc/" + strconv.Itoa(pid)
	if program, err := os.Readlink(path + "/exe"); err == nil {
		return program
	}
	name, err := os.ReadFile(path + "/comm")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(name))
}

var errAnswer = errors.New("the kernel's answer is not understood")

// ask asks the kernel for a socket.
func ask(s Socket) (held, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return held{}, err
	}
	defer unix.Close(fd)
	limit := unix.NsecToTimeval(int64(answerIn))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit); err != nil {
		return held{}, err
	}
	if err := unix.Sendto(fd, question(s), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return held{}, err
	}
	answer := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, answer, 0)
	if err != nil {
		return held{}, err
	}
	if n < answerMin || binary.NativeEndian.Uint16(answer[4:]) == unix.NLMSG_ERROR {
		return held{}, errAnswer // as a rule: there is no such socket
	}
	return held{binary.NativeEndian.Uint32(answer[uidAt:]), binary.NativeEndian.Uint32(answer[inodeAt:])}, nil
}

func question(s Socket) []byte {
	family, protocol := byte(unix.AF_INET), byte(unix.IPPROTO_TCP)
	if s.Local.Addr().Is6() {
		family = unix.AF_INET6
	}
	source, destination := s.Local, s.Remote
	if s.Network == "udp" { // by which the kernel looks as if for a datagram that comes in
		protocol = unix.IPPROTO_UDP
		source, destination = s.Remote, s.Local
	}
	b := make([]byte, askFor)
	binary.NativeEndian.PutUint32(b[0:], askFor)
	binary.NativeEndian.PutUint16(b[4:], unix.SOCK_DIAG_BY_FAMILY)
	binary.NativeEndian.PutUint16(b[6:], unix.NLM_F_REQUEST)
	r := b[unix.SizeofNlMsghdr:]
	r[0], r[1] = family, protocol
	binary.NativeEndian.PutUint32(r[4:], ^uint32(0)) // in any state
	binary.BigEndian.PutUint16(r[8:], source.Port())
	binary.BigEndian.PutUint16(r[10:], destination.Port())
	copy(r[12:28], source.Addr().AsSlice())
	copy(r[28:44], destination.Addr().AsSlice())
	binary.NativeEndian.PutUint32(r[48:], ^uint32(0)) // no cookie
	binary.NativeEndian.PutUint32(r[52:], ^uint32(0))
	return b
}
