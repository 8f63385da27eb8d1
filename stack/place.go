package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// maxStacks bounds how many stacks of one checkout run at once. It is a guard
// against a loop that starts them, not a limit anyone should meet.
const maxStacks = 32

// lockPatience is how long the Postgres of a killed stack may take to stop.
const lockPatience = 5 * time.Second

// checkout is the root of a working copy of Sluice.
type checkout string

// findCheckout looks upwards from the working directory, then from the program.
func findCheckout() (checkout, error) {
	starts := []string{}
	if wd, err := os.Getwd(); err == nil {
		starts = append(starts, wd)
	}
	if exe, err := os.Executable(); err == nil {
		starts = append(starts, filepath.Dir(exe))
	}
	for _, dir := range starts {
		for ; ; dir = filepath.Dir(dir) {
			if _, err := os.Stat(filepath.Join(dir, "deploy", "devserver", "go.mod")); err == nil {
				return checkout(dir), nil
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return "", errors.New("not in a checkout of Sluice (no deploy/devserver above the working directory): cd into it")
}

func (c checkout) path(elem ...string) string {
	return filepath.Join(append([]string{string(c)}, elem...)...)
}

// id tells checkouts apart where they share a directory.
func (c checkout) id() string { return shortHash(string(c)) }

func shortHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:4])
}

// place is what one running stack has to itself. The first of a checkout is number
// 0 and has the well-known ports and names; stacks beside it get others. Locks are
// the kernel's, so a killed stack leaves none behind.
type place struct {
	dir     string // .sluice
	number  int
	db      string // Temporal's SQLite file, empty for memory
	cluster string // name of the Postgres data
	locks   []*os.File
}

// take finds a free place.
func (c checkout) take(db string) (place, error) {
	p := place{dir: c.path(".sluice")}
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		return place{}, fmt.Errorf("%w: give %s to yourself or remove it", err, p.dir)
	}
	for p.number = range maxStacks {
		lock, err := tryLock(filepath.Join(p.dir, p.name("stack")+".lock"))
		if errors.Is(err, errLocked) {
			continue
		}
		if err != nil {
			return place{}, err
		}
		p.locks = append(p.locks, lock)
		p.cluster = strconv.Itoa(p.number)
		return p.keep(db)
	}
	return place{}, fmt.Errorf("%d stacks of this checkout run already: stop some", maxStacks)
}

// keep makes the place one whose data stays: its Postgres data belong to the
// SQLite file, wherever the stack runs.
func (p place) keep(db string) (place, error) {
	if db == "" {
		return p, nil
	}
	if !strings.ContainsRune(db, filepath.Separator) {
		db = filepath.Join(p.dir, db)
	}
	abs, err := filepath.Abs(db)
	if err != nil {
		return place{}, err
	}
	p.db, p.cluster = abs, "db-"+shortHash(abs)
	lock, err := tryLock(filepath.Join(p.dir, p.cluster+".lock"))
	for deadline := time.Now().Add(lockPatience); errors.Is(err, errLocked) && time.Now().Before(deadline); {
		time.Sleep(100 * time.Millisecond)
		lock, err = tryLock(filepath.Join(p.dir, p.cluster+".lock"))
	}
	if errors.Is(err, errLocked) {
		err = fmt.Errorf("another stack uses -db %s: stop it, or name another file", db)
	}
	if err != nil {
		p.release()
		return place{}, err
	}
	p.locks = append(p.locks, lock)
	return p, nil
}

func (p place) release() {
	for _, lock := range p.locks {
		_ = lock.Close()
	}
}

// name is base for the first stack and base-1, base-2 … for those beside it.
func (p place) name(base string) string {
	if p.number == 0 {
		return base
	}
	return base + "-" + strconv.Itoa(p.number)
}

func (p place) envFile() string     { return filepath.Join(p.dir, p.name("stack")+".env") }
func (p place) temporalLog() string { return filepath.Join(p.dir, p.name("temporal")+".log") }

// port is the well-known port for the first stack, any for the others.
func (p place) port(wellKnown int) (int, error) {
	if p.number > 0 {
		wellKnown = 0
	}
	return choosePort(wellKnown)
}

var errLocked = errors.New("locked")

// tryLock locks the file until it is closed here and in every process that has
// inherited it.
func tryLock(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w: give %s to yourself or remove it", err, filepath.Dir(name))
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	_ = f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, errLocked
	}
	return nil, fmt.Errorf("lock %s: %w", name, err)
}
