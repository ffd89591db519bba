package pg

import (
	"archive/tar"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// cluster makes the server's database cluster. To make one takes a second of processor time and to
// copy one a tenth of that, so the first is kept for the other test programs of this user: packed in
// one file among the temporary ones, which is there whole or not at all.
func (s *Server) cluster(t testing.TB) {
	t.Helper()
	args := []string{"-U", "postern", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--wal-segsize=1"}
	kept := s.kept(t, args)
	if ours(kept) {
		if err := unpack(kept, s.data()); err != nil {
			t.Fatalf("copy the database cluster of %s: %v", kept, err)
		}
		return
	}
	initdb := s.command(t, "initdb", append([]string{"-D", s.data()}, args...)...)
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	if err := pack(s.data(), kept); err != nil {
		t.Logf("a database cluster is made anew each time: %v", err)
	}
}

// kept names the packed cluster after the program that makes it, of whatever version, and how.
func (s *Server) kept(t testing.TB, args []string) string {
	t.Helper()
	version, err := s.command(t, "initdb", "--version").Output()
	if err != nil {
		t.Fatalf("initdb: %v", err)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %s", args, version))
	return filepath.Join(os.TempDir(), fmt.Sprintf("postern-test-pg-%d-%x.tar", os.Geteuid(), sum[:8]))
}

// pack writes a directory into a file that appears when it is complete.
func pack(dir, file string) error {
	draft, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*") // for nobody else to read or write
	if err != nil {
		return err
	}
	w := tar.NewWriter(draft)
	err = errors.Join(w.AddFS(os.DirFS(dir)), w.Close(), draft.Close())
	if err == nil {
		err = os.Rename(draft.Name(), file) // another's, if there is one by now, is the same
	}
	if err != nil {
		return errors.Join(err, os.Remove(draft.Name()))
	}
	return nil
}

// unpack makes a directory of the server's own from a file that pack wrote.
func unpack(file, dir string) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close() // only read
	if err := makeFor(dir, os.ModeDir, nil); err != nil {
		return err
	}
	for r := tar.NewReader(in); ; {
		header, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := makeFor(filepath.Join(dir, filepath.FromSlash(header.Name)), header.FileInfo().Mode(), r); err != nil {
			return err
		}
	}
}

// makeFor makes a directory or file of the user that the server runs as.
func makeFor(path string, mode fs.FileMode, content io.Reader) error {
	if mode.IsDir() {
		if err := os.Mkdir(path, 0o700); err != nil {
			return err
		}
		return ownedByRunner(path)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Close(), ownedByRunner(path))
}
