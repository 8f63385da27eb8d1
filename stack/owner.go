package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// owner is the user that Postgres runs as when we are root, which it refuses to be.
// A nil owner is ourselves.
type owner struct{ uid, gid uint32 }

func postgresUser() (*owner, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
		if errors.Join(uidErr, gidErr) == nil && uid != 0 {
			return &owner{uint32(uid), uint32(gid)}, nil
		}
	}
	return nil, errors.New("postgres refuses to run as root and this machine has neither a user postgres nor nobody: create one, or run as an ordinary user")
}

// apply makes the command run as the owner.
func (o *owner) apply(cmd *exec.Cmd) {
	if o != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: o.uid, Gid: o.gid}
	}
}

func (o *owner) id() int {
	if o == nil {
		return os.Geteuid()
	}
	return int(o.uid)
}

// dataRoot is the directory of all Postgres data of this checkout. It is in .sluice,
// or in the temporary directory where the owner cannot get at that.
func dataRoot(home checkout, o *owner) (string, error) {
	dir := home.path(".sluice", "postgres-"+strconv.Itoa(o.id()))
	if o == nil {
		return dir, os.MkdirAll(dir, 0o700)
	}
	if searchable(home.path(".sluice")) && give(dir, o) == nil {
		return dir, nil
	}
	dir = filepath.Join(os.TempDir(), fmt.Sprintf("sluice-%d-%s", o.id(), home.id()))
	if err := give(dir, o); err != nil {
		return "", fmt.Errorf("%w: make %s a directory of user %d, or run as an ordinary user", err, dir, o.id())
	}
	return dir, nil
}

// searchable reports whether any user can reach what is in the directory.
func searchable(dir string) bool {
	for ; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm()&0o001 == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}

// give makes the directory the owner's. It takes none that somebody else has put
// there, which in a temporary directory anyone could.
func give(dir string, o *owner) error {
	if err := os.Mkdir(dir, 0o700); err == nil {
		return os.Chown(dir, int(o.uid), int(o.gid))
	} else if !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !ok || !info.IsDir() || stat.Uid != o.uid {
		return fmt.Errorf("%s belongs to somebody else", dir)
	}
	return nil
}
