package planner

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// ErrAltered says that a saved plan is not what was written.
var ErrAltered = errors.New("the saved plan was altered or damaged")

// StaleError says that a saved plan does not fit the workspace any more.
type StaleError struct {
	// Differences are sentences without a full stop.
	Differences []string
}

func (e *StaleError) Error() string {
	return "the saved plan is stale: " + strings.Join(e.Differences, "; ")
}

// savedPlan is a plan in a file: its JSON form, and a checksum over the rest
// of the file that tells damage and edits from what plan wrote.
type savedPlan struct {
	Checksum string `json:"checksum"`
	Plan
}

// Marshal returns the plan's JSON form, indented, with a final newline.
func (p *Plan) Marshal() ([]byte, error) { return marshal(p) }

// MarshalSaved returns the form that plan --out writes: the JSON form with a
// checksum.
func (p *Plan) MarshalSaved() ([]byte, error) {
	checksum, err := p.checksum()
	if err != nil {
		return nil, err
	}
	return marshal(savedPlan{Checksum: checksum, Plan: *p})
}

func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode the plan: %w", err)
	}
	return b.Bytes(), nil
}

func (p *Plan) checksum() (string, error) {
	b, err := p.Marshal()
	if err != nil {
		return "", err
	}
	s := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(s[:]), nil
}

// UnmarshalSaved reads what MarshalSaved wrote. The error wraps ErrAltered
// when the content is anything else.
func UnmarshalSaved(content []byte) (*Plan, error) {
	var saved savedPlan
	if err := json.Unmarshal(content, &saved); err != nil {
		return nil, fmt.Errorf("%w, or it is none: %w", ErrAltered, err)
	}
	if saved.FormatVersion != FormatVersion {
		return nil, fmt.Errorf("%w: format version %q, this version reads %q", ErrAltered, saved.FormatVersion, FormatVersion)
	}
	again, err := saved.Plan.MarshalSaved()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(bytes.TrimSpace(again), bytes.TrimSpace(content)) {
		return nil, ErrAltered
	}
	return &saved.Plan, nil
}

// CheckStale compares a saved plan with the workspace, and with a plan made
// now from the same options. It returns a *StaleError when a package's inputs
// differ, or when something must be done now that the saved plan did not say.
// Less to do than was planned is not stale.
func CheckStale(saved *Plan, r *Resolved, now *Plan) error {
	var diffs []string
	for _, was := range saved.Packages {
		is := r.Package(was.Name)
		switch {
		case is == nil:
			diffs = append(diffs, fmt.Sprintf("package %s is not there any more", was.Name))
		case is.Hash != was.Hash:
			diffs = append(diffs, fmt.Sprintf("the inputs of package %s have changed", was.Name))
		case is.Ref() != was.Ref:
			diffs = append(diffs, fmt.Sprintf("package %s was %s and is %s", was.Name, was.Ref, is.Ref()))
		}
	}
	if len(diffs) > 0 {
		return &StaleError{Differences: diffs}
	}
	if diffs = unplanned(saved, now); len(diffs) > 0 {
		return &StaleError{Differences: diffs}
	}
	return nil
}

// unplanned says what is to be done now and is not in the saved plan. Of the
// steps of one package that follow from each other the first is enough.
func unplanned(saved, now *Plan) []string {
	planned := map[string]bool{}
	for _, s := range saved.Steps {
		planned[s.ID] = true
	}
	var diffs []string
	said := map[string]bool{} // packages
	for _, s := range now.Steps {
		if planned[s.ID] || s.Kind == KindReuse || said[s.Package] && s.Kind != KindBuild {
			continue
		}
		switch {
		case saved.Package(s.Package) == nil && said[s.Package]:
			continue
		case saved.Package(s.Package) == nil:
			diffs = append(diffs, fmt.Sprintf("package %s was not in it", s.Package))
		case planned[string(KindReuse)+":"+NodeID(s.Package, s.Platform)] && s.Kind == KindBuild:
			diffs = append(diffs, fmt.Sprintf("%s for %s was there and is gone", s.Package, s.Platform))
		default:
			diffs = append(diffs, fmt.Sprintf("%s was not needed and is now", s.ID))
		}
		said[s.Package] = true
	}
	return diffs
}
