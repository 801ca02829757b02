package planner_test

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stowage-build/stowage/planner"
)

// document reads a page of docs.
func document(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Every property, kind and reason is documented, and in the schema.
func TestPlanIsDocumented(t *testing.T) {
	page, schema := document(t, "plan-json.md"), document(t, "plan.schema.json")
	names := jsonNames(reflect.TypeFor[planner.Plan]())
	for _, kind := range []planner.Kind{
		planner.KindBuild, planner.KindReuse, planner.KindPull, planner.KindIndex, planner.KindPush, planner.KindTag, planner.KindLoad,
	} {
		names = append(names, string(kind))
	}
	for _, reason := range reasons() {
		names = append(names, string(reason))
	}
	for _, name := range names {
		if !strings.Contains(page, "`"+name+"`") {
			t.Errorf("docs/plan-json.md does not have `%s`", name)
		}
		if !strings.Contains(schema, `"`+name+`"`) {
			t.Errorf("docs/plan.schema.json does not have %q", name)
		}
	}
}

func reasons() []planner.Reason {
	return []planner.Reason{
		planner.ReasonMissing, planner.ReasonPlatformMissing, planner.ReasonInputsChanged, planner.ReasonDependencyChanged,
		planner.ReasonBaseMoved, planner.ReasonRefreshDue, planner.ReasonForced, planner.ReasonDamaged,
		planner.ReasonInStore, planner.ReasonInRegistry,
	}
}

// jsonNames lists the names of a type's properties, and those in them. Those
// of the summary are kinds, with two more that the page explains.
func jsonNames(t reflect.Type) []string {
	for t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() {
		return nil
	}
	var names []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names = append(append(names, name), jsonNames(t.Field(i).Type)...)
	}
	return names
}

// The design notes stay short enough to be read.
func TestDesignNotesAreShort(t *testing.T) {
	if lines := strings.Count(document(t, "design.md"), "\n"); lines > 300 {
		t.Errorf("docs/design.md has %d lines; 300 is what a newcomer reads", lines)
	}
}
