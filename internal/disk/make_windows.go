package disk

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

const (
	ownerSystem         = "SY"
	ownerAdministrators = "BA"
	ownerNetworkService = "NS"
)

// createTemp makes the draft of a file. One of a mode that is for its user alone gets an access list that says so, whatever it
// would inherit: SYSTEM, the administrators, the user of this process, and Network Service in a directory that is open to it, which is
// a service's.
func createTemp(path string, mode fs.FileMode) (*os.File, error) {
	dir := filepath.Dir(path)
	if mode&0o077 != 0 {
		return os.CreateTemp(dir, draftOf(path, "*"))
	}
	draft := filepath.Join(dir, draftOf(path, rand.Text()))
	return openOwn(draft, windows.GENERIC_READ|windows.GENERIC_WRITE, windows.CREATE_NEW, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE)
}

// openLock opens the file of a lock so that whoever holds the lock can remove it: what is removed for good is closed last.
func openLock(path string) (*os.File, error) {
	return openOwn(path, windows.GENERIC_READ|windows.GENERIC_WRITE, windows.OPEN_ALWAYS, shareAll)
}

// OpenLog opens a file of this user to append to, which may get another name meanwhile.
func OpenLog(path string) (*os.File, error) {
	return openOwn(path, windows.FILE_APPEND_DATA|windows.FILE_READ_ATTRIBUTES|windows.SYNCHRONIZE, windows.OPEN_ALWAYS, shareAll)
}

const shareAll = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE

// openOwn opens a file, or makes it for its user alone.
func openOwn(path string, access, how, share uint32) (*os.File, error) {
	others := []string{ownerSystem, ownerAdministrators}
	if openTo(filepath.Dir(path), windows.WinNetworkServiceSid) {
		others = append(others, ownerNetworkService)
	}
	rights, err := only("", others...)
	if err != nil {
		return nil, err
	}
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	h, err := windows.CreateFile(name, access, share, rights, how, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(h), path), nil
}

const (
	replaceMost  = 5 * time.Second       // for which somebody may have a file open that is to be replaced
	replaceAgain = 10 * time.Millisecond // between two attempts
)

// replace gives a file another name. Windows replaces no file that somebody reads just then: he is waited for.
func replace(from, to string) error {
	for began := time.Now(); ; {
		err := os.Rename(from, to)
		inUse := errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_ACCESS_DENIED)
		if !inUse || time.Since(began) > replaceMost {
			return err
		}
		time.Sleep(replaceAgain)
	}
}

// MakeDirectory makes a directory, and those before it, if it is not there. Only SYSTEM, the administrators and the user of this
// process enter it, and what is made in it.
func MakeDirectory(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	rights, err := only("OICI", ownerSystem, ownerAdministrators)
	if err != nil {
		return err
	}
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return err
	}
	if err := windows.CreateDirectory(name, rights); err != nil && !errors.Is(err, windows.ERROR_ALREADY_EXISTS) {
		return &fs.PathError{Op: "mkdir", Path: path, Err: err}
	}
	return nil
}

// only gives the user of this process and others full access and nobody else any. flags say what inherits that.
func only(flags string, others ...string) (*windows.SecurityAttributes, error) {
	me, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return nil, fmt.Errorf("read the user of this process: %w", err)
	}
	list := "D:P"
	for _, who := range append(others, me.User.Sid.String()) {
		list += "(A;" + flags + ";FA;;;" + who + ")"
	}
	rights, err := windows.SecurityDescriptorFromString(list)
	if err != nil {
		return nil, fmt.Errorf("say who may use a file: %w", err)
	}
	a := &windows.SecurityAttributes{SecurityDescriptor: rights}
	a.Length = uint32(unsafe.Sizeof(*a))
	return a, nil
}

// openTo tells whether the access list of a directory lets a known user at it.
func openTo(dir string, known windows.WELL_KNOWN_SID_TYPE) bool {
	sid, err := windows.CreateWellKnownSid(known)
	if err != nil {
		return false
	}
	descriptor, err := windows.GetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return false
	}
	list, _, err := descriptor.DACL()
	if err != nil || list == nil {
		return false
	}
	for i := range uint32(list.AceCount) {
		var entry *windows.ACCESS_ALLOWED_ACE
		if windows.GetAce(list, i, &entry) != nil || entry.Header.AceType != windows.ACCESS_ALLOWED_ACE_TYPE {
			continue
		}
		if sid.Equals((*windows.SID)(unsafe.Pointer(&entry.SidStart))) {
			return true
		}
	}
	return false
}
