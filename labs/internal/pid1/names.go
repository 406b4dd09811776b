package pid1

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// furnish makes the calling process's mount and UTS namespace the host's: what it
// mounts is seen in there alone, and no file of the machine is touched.
func furnish(c Config) error {
	if err := unix.Sethostname([]byte(c.Name)); err != nil {
		return os.NewSyscallError("sethostname", err)
	}
	// From here on nothing that is mounted reaches the machine.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return os.NewSyscallError("mount", err)
	}
	if err := mountNames(names(c)); err != nil {
		return err
	}
	return mountProc()
}

// A file is one of /etc, as the host is to have it.
type file struct{ name, text string }

// names are the files by which a name is resolved, by the hosts file and by nothing
// else.
func names(c Config) []file {
	hosts := "127.0.0.1 localhost\n::1 localhost ip6-localhost\n" + c.Hosts
	nsswitch, _ := os.ReadFile("/etc/nsswitch.conf") // musl has none
	return []file{
		{"hosts", hosts},
		{"resolv.conf", "# This host has no name server: see /etc/hosts.\n"},
		{"nsswitch.conf", filesOnly(string(nsswitch))},
	}
}

// filesOnly is an nsswitch.conf (nsswitch.conf(5)) in which hosts are looked up in
// their file alone.
func filesOnly(text string) string {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(strings.TrimSpace(line), "hosts:") {
			kept.WriteString(line)
		}
	}
	if s := kept.String(); s != "" && !strings.HasSuffix(s, "\n") {
		kept.WriteByte('\n')
	}
	return kept.String() + "hosts: files\n"
}

// mountNames puts files over those of /etc that there are. Each is a mount of its
// own, of one file of a file system in memory. A kernel before 6.15 clones no mount
// that is attached nowhere, so that file system is for a moment over /etc.
func mountNames(files []file) error {
	memory, err := newMount("tmpfs")
	if err != nil {
		return err
	}
	defer unix.Close(memory)
	if err := attach(memory, "/etc"); err != nil {
		return err
	}
	trees := make([]int, len(files))
	for i, f := range files {
		trees[i], err = tree("/etc/"+f.name, f.text)
		if err != nil {
			return err
		}
		defer unix.Close(trees[i])
	}
	if err := unix.Unmount("/etc", unix.MNT_DETACH); err != nil {
		return os.NewSyscallError("umount2", err)
	}
	for i, f := range files {
		err := attach(trees[i], "/etc/"+f.name)
		if errors.Is(err, unix.ENOENT) && f.name != "hosts" {
			continue // what is not there nobody reads: nor is it made
		}
		if err != nil {
			return err
		}
	}
	return hideCache()
}

// hideCache hides the socket of nscd(8), which would answer for the machine.
func hideCache() error {
	const dir = "/run/nscd"
	if _, err := os.Stat(dir); err != nil {
		return nil
	}
	empty, err := newMount("tmpfs")
	if err != nil {
		return err
	}
	defer unix.Close(empty)
	return attach(empty, dir)
}

// tree writes a file and returns a mount of it alone.
func tree(path, text string) (int, error) {
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return -1, err
	}
	if err := os.Chmod(path, 0o644); err != nil { // whatever the umask
		return -1, err
	}
	fd, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	return fd, os.NewSyscallError("open_tree", err)
}

// mountProc mounts the /proc of the PID namespace. Where the machine's own is covered
// in part, as in a container, the kernel lets an ordinary user have no other: then the
// programs see the machine's processes, as they would anyway.
func mountProc() error {
	fd, err := newMount("proc")
	if errors.Is(err, unix.EPERM) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return attach(fd, "/proc")
}

// newMount makes a file system that is attached nowhere.
func newMount(kind string) (int, error) {
	context, err := unix.Fsopen(kind, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("%s: %w", kind, os.NewSyscallError("fsopen", err))
	}
	defer unix.Close(context)
	if kind == "tmpfs" {
		if err := unix.FsconfigSetString(context, "mode", "0755"); err != nil {
			return -1, fmt.Errorf("%s: %w", kind, os.NewSyscallError("fsconfig", err))
		}
	}
	if err := unix.FsconfigCreate(context); err != nil {
		return -1, fmt.Errorf("%s: %w", kind, os.NewSyscallError("fsconfig", err))
	}
	fd, err := unix.Fsmount(context, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
	if err != nil {
		return -1, fmt.Errorf("%s: %w", kind, os.NewSyscallError("fsmount", err))
	}
	return fd, nil
}

// attach puts a mount over what a path leads to.
func attach(mount int, path string) error {
	const flags = unix.MOVE_MOUNT_F_EMPTY_PATH | unix.MOVE_MOUNT_T_SYMLINKS
	if err := unix.MoveMount(mount, "", unix.AT_FDCWD, path, flags); err != nil {
		return fmt.Errorf("%s: %w", path, os.NewSyscallError("move_mount", err))
	}
	return nil
}
