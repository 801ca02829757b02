package baseimage

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// newLayer is the image's root file system.
func newLayer(busybox string, applets []string) (v1.Layer, error) {
	binary, err := os.ReadFile(busybox)
	if err != nil {
		return nil, fmt.Errorf("read busybox: %w", err)
	}
	archive, err := rootFS(binary, applets)
	if err != nil {
		return nil, fmt.Errorf("write the root file system: %w", err)
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive)), nil }
	return tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
}

// rootFS is a tar archive of the root file system. It depends on nothing but
// its arguments: everything belongs to root and dates from 1970.
func rootFS(busybox []byte, applets []string) ([]byte, error) {
	entries := []tar.Header{
		{Name: "bin/busybox", Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(busybox))},
		{Name: "etc/group", Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(group))},
		{Name: "etc/passwd", Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(passwd))},
		{Name: "root/", Typeflag: tar.TypeDir, Mode: 0o700},
		{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777},
	}
	for _, applet := range applets {
		if applet != "bin/busybox" {
			entries = append(entries, tar.Header{Name: applet, Typeflag: tar.TypeSymlink, Mode: 0o777, Linkname: "/bin/busybox"})
		}
	}
	entries = append(entries, parents(entries)...)
	slices.SortFunc(entries, func(a, b tar.Header) int { return strings.Compare(a.Name, b.Name) })

	content := map[string][]byte{"bin/busybox": busybox, "etc/group": []byte(group), "etc/passwd": []byte(passwd)}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, entry := range entries {
		entry.ModTime = time.Unix(0, 0)
		if err := w.WriteHeader(&entry); err != nil {
			return nil, err
		}
		if _, err := w.Write(content[entry.Name]); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return archive.Bytes(), nil
}

const (
	passwd = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
	group  = "root:x:0:\nnogroup:x:65534:\n"
)

// parents are the directories that entries are in.
func parents(entries []tar.Header) []tar.Header {
	seen := map[string]bool{}
	var dirs []tar.Header
	for _, entry := range entries {
		for dir := path.Dir(path.Clean(entry.Name)); dir != "." && !seen[dir]; dir = path.Dir(dir) {
			seen[dir] = true
			dirs = append(dirs, tar.Header{Name: dir + "/", Typeflag: tar.TypeDir, Mode: 0o755})
		}
	}
	return dirs
}
