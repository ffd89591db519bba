package local

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"postern/internal/disk"
)

const (
	pipeNames  = `\\.\pipe\postern-connector-` // and a number that nobody guesses; programs of before know it by this name
	pipeBuffer = 4 << 10                       // bytes of the system's, each way
)

// Rights by which somebody talks over a pipe. FILE_APPEND_DATA, which FILE_GENERIC_WRITE holds, would let him serve it, too
// (Microsoft, "Named Pipe Security and Access Rights").
const talk = windows.FILE_GENERIC_READ | windows.FILE_GENERIC_WRITE&^windows.FILE_APPEND_DATA

// everyUser lets whoever is logged on at this machine talk over a pipe.
var everyUser = fmt.Sprintf("(A;;%#x;;;AU)", talk)

// pipeListener listens on a named pipe that only SYSTEM, the administrators and this process's user serve.
type pipeListener struct {
	name   string
	rights *windows.SecurityAttributes
	closed windows.Handle // an event
	once   sync.Once

	accepting sync.Mutex     // held while somebody is waited for
	next      windows.Handle // where the next one connects; guarded by accepting
}

// listenPipe makes the pipe. Nobody may have one of that name. SYSTEM, the administrators and this process's user open it, and others whom more
// entries of its access list name.
func listenPipe(name, others string) (*pipeListener, error) {
	me, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return nil, fmt.Errorf("read the user of this process: %w", err)
	}
	// A pipe is waited on with what these rights hold: reading, writing, and making another instance of it.
	rights, err := windows.SecurityDescriptorFromString(fmt.Sprintf("O:%[1]sD:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;GA;;;%[1]s)", me.User.Sid) + others)
	if err != nil {
		return nil, fmt.Errorf("say who may open a pipe: %w", err)
	}
	l := &pipeListener{name: name, rights: &windows.SecurityAttributes{SecurityDescriptor: rights}}
	l.rights.Length = uint32(unsafe.Sizeof(*l.rights))
	if l.closed, err = windows.CreateEvent(nil, 1, 0, nil); err != nil {
		return nil, os.NewSyscallError("CreateEvent", err)
	}
	if l.next, err = l.instance(windows.FILE_FLAG_FIRST_PIPE_INSTANCE); err != nil {
		return nil, errors.Join(err, windows.CloseHandle(l.closed))
	}
	return l, nil
}

// instance makes one more end for somebody to connect to.
func (l *pipeListener) instance(flags uint32) (windows.Handle, error) {
	name, err := windows.UTF16PtrFromString(l.name)
	if err != nil {
		return windows.InvalidHandle, err
	}
	h, err := windows.CreateNamedPipe(name, windows.PIPE_ACCESS_DUPLEX|windows.FILE_FLAG_OVERLAPPED|flags,
		windows.PIPE_TYPE_BYTE|windows.PIPE_REJECT_REMOTE_CLIENTS, windows.PIPE_UNLIMITED_INSTANCES, pipeBuffer, pipeBuffer, 0, l.rights)
	if err != nil {
		return windows.InvalidHandle, os.NewSyscallError("CreateNamedPipe", err)
	}
	return h, nil
}

// Accept waits for the next one. When he is there, there is an instance for who comes after him.
func (l *pipeListener) Accept() (net.Conn, error) {
	l.accepting.Lock()
	defer l.accepting.Unlock()
	for {
		if l.next == windows.InvalidHandle {
			return nil, net.ErrClosed
		}
		err := l.await(l.next)
		if err != nil && !errors.Is(err, windows.ERROR_NO_DATA) { // closed
			err = errors.Join(err, windows.CloseHandle(l.next))
			l.next = windows.InvalidHandle
			return nil, err
		}
		taken := l.next
		next, instanceErr := l.instance(0)
		if l.next = next; instanceErr != nil {
			return nil, errors.Join(instanceErr, windows.CloseHandle(taken))
		}
		if err == nil {
			return &pipeConn{os.NewFile(uintptr(taken), l.name)}, nil
		}
		_ = windows.CloseHandle(taken) // he came and went
	}
}

// await waits until somebody is connected to an instance. net.ErrClosed: the listener is closed.
func (l *pipeListener) await(h windows.Handle) error {
	connected, err := windows.CreateEvent(nil, 1, 0, nil)
	if err != nil {
		return os.NewSyscallError("CreateEvent", err)
	}
	defer windows.CloseHandle(connected) // nobody waits for it any more
	overlapped := windows.Overlapped{HEvent: connected}
	err = windows.ConnectNamedPipe(h, &overlapped)
	switch {
	case err == nil, errors.Is(err, windows.ERROR_PIPE_CONNECTED):
		return nil
	case !errors.Is(err, windows.ERROR_IO_PENDING):
		return err
	}
	which, err := windows.WaitForMultipleObjects([]windows.Handle{l.closed, connected}, false, windows.INFINITE)
	if err == nil && which == windows.WAIT_OBJECT_0 {
		err = net.ErrClosed
		_ = windows.CancelIoEx(h, &overlapped) // if it is over by now, its end is below
	}
	var n uint32
	endErr := windows.GetOverlappedResult(h, &overlapped, &n, true) // the kernel leaves overlapped alone after it
	if err != nil {
		return err
	}
	return endErr
}

// Close ends Accept.
func (l *pipeListener) Close() error {
	err := net.ErrClosed
	l.once.Do(func() {
		_ = windows.SetEvent(l.closed) // it is open
		l.accepting.Lock()
		defer l.accepting.Unlock()
		if err = nil; l.next != windows.InvalidHandle {
			err = windows.CloseHandle(l.next)
			l.next = windows.InvalidHandle
		}
		err = errors.Join(err, windows.CloseHandle(l.closed))
	})
	return err
}

// Addr gives the pipe's name.
func (l *pipeListener) Addr() net.Addr { return pipeAddr(l.name) }

// dialPipe connects to a pipe that belongs to whom this process trusts. Whoever serves it learns who asks and cannot act as him.
func dialPipe(name string, patience time.Duration) (net.Conn, error) {
	path, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(patience)
	for {
		h, err := windows.CreateFile(path, talk, 0, nil, windows.OPEN_EXISTING,
			windows.FILE_FLAG_OVERLAPPED|windows.SECURITY_SQOS_PRESENT|windows.SECURITY_IDENTIFICATION, 0)
		if errors.Is(err, windows.ERROR_PIPE_BUSY) && time.Now().Before(deadline) { // the next instance is being made
			time.Sleep(10 * time.Millisecond)
			continue
		}
		if err != nil {
			return nil, &os.PathError{Op: "open", Path: name, Err: err}
		}
		if err := disk.CheckOwner(h, name); err != nil {
			return nil, errors.Join(err, windows.CloseHandle(h))
		}
		return &pipeConn{os.NewFile(uintptr(h), name)}, nil
	}
}

// pipeConn is a connection over a pipe.
type pipeConn struct{ *os.File }

func (c *pipeConn) LocalAddr() net.Addr  { return pipeAddr(c.Name()) }
func (c *pipeConn) RemoteAddr() net.Addr { return pipeAddr(c.Name()) }

type pipeAddr string

func (pipeAddr) Network() string  { return "pipe" }
func (a pipeAddr) String() string { return string(a) }
