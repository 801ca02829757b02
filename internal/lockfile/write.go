package lockfile

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/moby/sys/atomicwriter"
	"github.com/zclconf/go-cty/cty"

	"github.com/stowage-build/stowage/planner"
)

// header begins every lock file.
const header = `# Written by "stowage lock". It pins the images that are not this workspace's
# by digest: keep it under version control. "stowage lock --upgrade" moves them
# to what their tags point at.
`

// Write makes the lock file in the directory root say what lock says. The file
// has the old content or the new at every instant, and it is not touched when
// these are the same. A lock that Read would refuse is an error.
func Write(root string, lock *planner.Lock) error {
	text, err := Format(lock)
	if err == nil {
		err = write(filepath.Join(root, Name), text)
	}
	if err != nil {
		return fmt.Errorf("write the lock file: %w", err)
	}
	return nil
}

// Format returns lock in its canonical form, sorted by name.
func Format(lock *planner.Lock) ([]byte, error) {
	f := hclwrite.NewEmptyFile()
	for _, name := range slices.Sorted(maps.Keys(lock.Images)) {
		image := lock.Images[name]
		if err := check(name, image); err != nil {
			return nil, err
		}
		f.Body().AppendNewline()
		body := f.Body().AppendNewBlock(blockImage, []string{name}).Body()
		body.SetAttributeValue(attrDigest, cty.StringVal(image.Digest))
		var platforms []cty.Value
		for _, p := range slices.Sorted(slices.Values(image.Platforms)) {
			platforms = append(platforms, cty.StringVal(p))
		}
		body.SetAttributeValue(attrPlatforms, cty.ListVal(platforms))
	}
	return append([]byte(header), hclwrite.Format(f.Bytes())...), nil
}

// check refuses what Parse would.
func check(name string, image planner.LockedImage) error {
	if fault := nameFault(name); fault != "" {
		return errors.New(fault)
	}
	if fault := digestFault(image.Digest); fault != "" {
		return fmt.Errorf("image %s: %s", name, fault)
	}
	if len(image.Platforms) == 0 {
		return fmt.Errorf("image %s: it has no platforms", name)
	}
	for i, p := range image.Platforms {
		if fault := platformFault(p, image.Platforms[:i]); fault != "" {
			return fmt.Errorf("image %s: %s", name, fault)
		}
	}
	return nil
}

func write(path string, text []byte) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, text) {
		return nil
	}
	return atomicwriter.WriteFile(path, text, 0o644)
}
