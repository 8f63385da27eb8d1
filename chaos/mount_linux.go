package main

import (
	"fmt"
	"os"
	"syscall"
)

// mountSmall mounts a file system of so many MiB that belongs to the owner of like.
func mountSmall(dir, like string, size int) error {
	info, err := os.Stat(like)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("nobody owns %s", like)
	}
	return syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm,mode=0700,uid=%d,gid=%d", size, owner.Uid, owner.Gid))
}

func unmount(dir string) error { return syscall.Unmount(dir, syscall.MNT_DETACH) }
