//go:build unix

package spool

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const otherUser = 4_000

// asOther runs a shell command as another user, which only root can.
func asOther(t *testing.T, command string, arguments ...string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can run a command as another user")
	}
	c := exec.Command("sh", append([]string{"-ec", command, "sh"}, arguments...)...)
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: otherUser, Gid: otherUser}}
	if output, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", command, err, output)
	}
}

// left returns a segment, name and content, that a client in another directory left to the next one.
func left(t *testing.T, event string) (name string, content []byte) {
	t.Helper()
	folder := folderOf(t)
	gone := open(t, &host{fault: errAway}, folder, nil)
	spillAll(t, gone, []string{event})
	gone.Release()
	name = segmentsIn(t, folder, kindEvents)[0].String()
	content, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return name, content
}

// sharedVolume returns a directory in which every user may do everything, below others that all may enter.
func sharedVolume(t *testing.T) string {
	t.Helper()
	volume := filepath.Join(t.TempDir(), "volume")
	if err := os.Mkdir(volume, private); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{filepath.Dir(filepath.Dir(volume)), filepath.Dir(volume)} {
		if err := os.Chmod(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(volume, 0o777); err != nil { //nolint:gosec // the attack needs it
		t.Fatal(err)
	}
	return volume
}

func TestForeignFiles(t *testing.T) {
	t.Parallel()
	t.Run("a directory that another user moves away stays the one that is used", func(t *testing.T) {
		t.Parallel()
		volume := sharedVolume(t)
		forgedName, forged := left(t, "000001 forged")
		h := &host{fault: errAway}
		s := open(t, h, volume, nil)
		spillAll(t, s, []string{"000001"})
		own := ownDirectory(volume)
		asOther(t, `mv "$1" "$1-away"; mkdir "$1"; chmod 777 "$1"`, own)
		if err := os.WriteFile(filepath.Join(own, forgedName), forged, 0o600); err != nil { // as if it were ours
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond) // ten scans
		spillAll(t, s, []string{"000002"})
		h.set(func() { h.fault = nil })
		expectReceived(t, h, []string{"000001", "000002"})
		expectEmpty(t, own+"-away")
		if left := segmentsIn(t, own, kindEvents); len(left) != 1 {
			t.Errorf("%v are in the other user's directory", left)
		}
		expectWarning(t, h, "may rename or remove")
		if _, err := Locate(volume); err == nil || !strings.Contains(err.Error(), "belongs to user 4000") {
			t.Errorf("a client that starts now: %v", err)
		}
	})

	t.Run("a volume that was mounted with fsGroup keeps its segments", func(t *testing.T) {
		t.Parallel()
		folder := folderOf(t)
		name, content := left(t, "000001")
		must(t, os.Mkdir(folder, private))
		must(t, os.WriteFile(filepath.Join(folder, name), content, 0o600))
		must(t, os.Chmod(filepath.Join(folder, name), 0o660))
		must(t, os.Chmod(folder, 0o770|os.ModeSetgid))
		h := &host{}
		open(t, h, folder, nil)
		expectReceived(t, h, []string{"000001"})
	})

	t.Run("a parent that every user may write is warned of once", func(t *testing.T) {
		t.Parallel()
		volume := sharedVolume(t)
		h, own := &host{}, ownDirectory(volume)
		open(t, h, volume, nil)
		if warnings := h.warned(); len(warnings) != 1 || !strings.Contains(warnings[0], own+", and with it") {
			t.Errorf("warnings: %v", warnings)
		}
	})

	t.Run("what another user may have placed is left alone and reported once, and the rest is sent", func(t *testing.T) {
		t.Parallel()
		for what, c := range map[string]struct {
			place func(t *testing.T, path string, content []byte)
			want  string
		}{
			"a pipe":      {func(t *testing.T, path string, _ []byte) { must(t, syscall.Mkfifo(path, 0o600)) }, "not a regular file"},
			"a directory": {func(t *testing.T, path string, _ []byte) { must(t, os.Mkdir(path, 0o700)) }, "not a regular file"},
			"a symbolic link": {func(t *testing.T, path string, content []byte) {
				target := filepath.Join(t.TempDir(), "target")
				must(t, os.WriteFile(target, content, 0o600))
				must(t, os.Symlink(target, path))
			}, "not a regular file"},
			"a file that another user owns": {func(t *testing.T, path string, content []byte) {
				if os.Geteuid() != 0 {
					t.Skip("only root can make a file of another user")
				}
				must(t, os.WriteFile(path, content, 0o600))
				must(t, os.Chown(path, otherUser, otherUser))
			}, "belongs to user 4000"},
			"a file that all may write": {func(t *testing.T, path string, content []byte) {
				must(t, os.WriteFile(path, content, 0o600))
				must(t, os.Chmod(path, 0o606))
			}, "mode 0606"},
			"a link to a file elsewhere": {func(t *testing.T, path string, content []byte) {
				elsewhere := filepath.Join(filepath.Dir(filepath.Dir(path)), "elsewhere")
				must(t, os.WriteFile(elsewhere, content, 0o600))
				must(t, os.Link(elsewhere, path))
			}, "linked from outside"},
			"a file of 3 GB": {func(t *testing.T, path string, content []byte) {
				must(t, os.WriteFile(path, content, 0o600))
				must(t, os.Truncate(path, 3<<30))
			}, "3221225472 bytes long"},
		} {
			t.Run(what, func(t *testing.T) {
				t.Parallel()
				folder := folderOf(t)
				opened(t, folder)
				name, content := left(t, "000001 forged")
				// Its origin sorts first, so that it is looked at before the good one.
				origin := strings.Repeat("0", 31) + "1"
				forged := filepath.Join(folder, strings.Replace(name, name[7:39], origin, 1))
				c.place(t, forged, content)
				good, content := left(t, "000001 good")
				must(t, os.WriteFile(filepath.Join(folder, good), content, 0o600))
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				h := &host{}
				s := open(t, h, folder, nil)
				expectReceived(t, h, []string{"000001 good"})
				expectWarning(t, h, c.want)
				eventually(t, "it is looked at again", func() bool { return s.OldestAge() == 0 })
				time.Sleep(50 * time.Millisecond)
				if warnings := h.warned(); len(warnings) != 1 || !strings.Contains(warnings[0], "is left alone") {
					t.Errorf("warnings: %v", warnings)
				}
				if _, err := os.Lstat(forged); err != nil {
					t.Error(err)
				}
				runtime.ReadMemStats(&after)
				if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<30 {
					t.Errorf("%d bytes were allocated", grown)
				}
			})
		}
	})

	t.Run("a segment that cannot be opened does not keep the next from being adopted", func(t *testing.T) {
		t.Parallel()
		folder, events := folderOf(t), numbered(1, 1, 100)
		opened(t, folder)
		bad, content := left(t, "bad")
		origin := strings.Repeat("0", 31) + "1"
		bad = strings.Replace(bad, bad[7:39], origin, 1)
		must(t, os.WriteFile(filepath.Join(folder, bad), content, 0o600))
		good, content := left(t, events[0])
		must(t, os.WriteFile(filepath.Join(folder, good), content, 0o600))
		h := &host{busy: true}
		s := open(t, h, folder, nil)
		// The name that it would get exists, as a directory.
		name, _ := parseSegmentName(bad)
		name.owner = s.adopter.name
		must(t, os.Mkdir(filepath.Join(folder, name.String()), 0o700))
		h.set(func() { h.busy = false })
		expectReceived(t, h, events)
	})

	t.Run("a crash between the two names of a segment loses nothing", func(t *testing.T) {
		t.Parallel()
		folder := folderOf(t)
		opened(t, folder)
		name, content := left(t, "000001")
		path := filepath.Join(folder, name)
		must(t, os.WriteFile(path, content, 0o600))
		must(t, os.Link(path, strings.Replace(path, unowned, fixtureAdopter, 1)))
		h := &host{}
		open(t, h, folder, nil)
		expectReceived(t, h, []string{"000001"})
		expectEmpty(t, folder)
		if warnings := h.warned(); len(warnings) > 0 {
			t.Errorf("it warned: %v", warnings)
		}
	})

	t.Run("a file with holes counts as what it takes on disk", func(t *testing.T) {
		t.Parallel()
		folder := folderOf(t)
		opened(t, folder)
		dead := segmentName{kindDead, fixtureOrigin, 1, 1, unowned}
		path := filepath.Join(folder, dead.String())
		must(t, os.WriteFile(path, nil, 0o600))
		must(t, os.Truncate(path, 1<<40))
		s := open(t, &host{fault: errAway}, folder, nil)
		spillAll(t, s, numbered(1, 10, 100))
		if err := s.EnsureHeadroom(); err != nil {
			t.Error(err)
		}
	})

	t.Run("damage that announces long records everywhere costs linear time", func(t *testing.T) {
		t.Parallel()
		content := bytes.Repeat(markerBytes, (segmentBytes-headerBytes)/len(markerBytes))
		for at := 0; at+frameBytes+keyBytes < len(content); at += frameBytes + keyBytes + 2 {
			binary.LittleEndian.PutUint32(content[at+4:], uint32(len(content)-at-frameBytes))
			copy(content[at+frameBytes:], []byte{0, 0})
		}
		good := newRecordHead(recordSalt(fixtureOrigin), nil, []byte("good"))
		content = slices.Concat(good[:], []byte("good"), content)
		r := recordReader{content: content, salt: recordSalt(fixtureOrigin), budget: searchBytes}
		if _, found := r.search(1); found || r.budget < -segmentBytes {
			t.Errorf("found: %v; %d bytes were read in vain", found, searchBytes-r.budget)
		}
		if records, damaged := readRecords(content, r.salt, 0); len(records) != 1 || damaged != 1 {
			t.Errorf("%d records, %d damaged places", len(records), damaged)
		}
	})
}
