package schema

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/Masterminds/semver/v3"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// stringFunc makes a function of strings.
func stringFunc(returns cty.Type, f func(args []string) (cty.Value, error), params ...string) function.Function {
	spec := &function.Spec{Type: function.StaticReturnType(returns)}
	for _, p := range params {
		spec.Params = append(spec.Params, function.Parameter{Name: p, Type: cty.String})
	}
	spec.Impl = func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		in := make([]string, len(args))
		for i, a := range args {
			in[i] = a.AsString()
		}
		return f(in)
	}
	return function.New(spec)
}

func basenameFunc() function.Function {
	return stringFunc(cty.String, func(a []string) (cty.Value, error) { return cty.StringVal(path.Base(a[0])), nil }, "path")
}

func dirnameFunc() function.Function {
	return stringFunc(cty.String, func(a []string) (cty.Value, error) { return cty.StringVal(path.Dir(a[0])), nil }, "path")
}

func startsWithFunc() function.Function {
	return stringFunc(cty.Bool, func(a []string) (cty.Value, error) { return cty.BoolVal(strings.HasPrefix(a[0], a[1])), nil }, "str", "prefix")
}

func endsWithFunc() function.Function {
	return stringFunc(cty.Bool, func(a []string) (cty.Value, error) { return cty.BoolVal(strings.HasSuffix(a[0], a[1])), nil }, "str", "suffix")
}

func strContainsFunc() function.Function {
	return stringFunc(cty.Bool, func(a []string) (cty.Value, error) { return cty.BoolVal(strings.Contains(a[0], a[1])), nil }, "str", "substr")
}

// replaceFunc is replace(str, substr, replacement); a substr in slashes is a
// regular expression.
func replaceFunc() function.Function {
	return stringFunc(cty.String, func(a []string) (cty.Value, error) {
		if len(a[1]) > 1 && strings.HasPrefix(a[1], "/") && strings.HasSuffix(a[1], "/") {
			return stdlib.RegexReplace(cty.StringVal(a[0]), cty.StringVal(a[1][1:len(a[1])-1]), cty.StringVal(a[2]))
		}
		return cty.StringVal(strings.ReplaceAll(a[0], a[1], a[2])), nil
	}, "str", "substr", "replacement")
}

// semverCompareFunc is semvercmp(version, constraint): whether the version
// satisfies the constraint.
func semverCompareFunc() function.Function {
	return stringFunc(cty.Bool, func(a []string) (cty.Value, error) {
		version, err := semver.NewVersion(a[0])
		if err != nil {
			return cty.False, fmt.Errorf("%q is no semantic version", a[0])
		}
		constraint, err := semver.NewConstraint(a[1])
		if err != nil {
			return cty.False, fmt.Errorf("%q is no version constraint such as \">= 1.2\"", a[1])
		}
		return cty.BoolVal(constraint.Check(version)), nil
	}, "version", "constraint")
}

// semverParseFunc takes a semantic version apart.
func semverParseFunc() function.Function {
	parts := cty.Object(map[string]cty.Type{
		"major": cty.Number, "minor": cty.Number, "patch": cty.Number, "prerelease": cty.String, "metadata": cty.String,
	})
	return stringFunc(parts, func(a []string) (cty.Value, error) {
		v, err := semver.NewVersion(a[0])
		if err != nil {
			return cty.NilVal, fmt.Errorf("%q is no semantic version", a[0])
		}
		return cty.ObjectVal(map[string]cty.Value{
			"major": cty.NumberUIntVal(v.Major()), "minor": cty.NumberUIntVal(v.Minor()), "patch": cty.NumberUIntVal(v.Patch()),
			"prerelease": cty.StringVal(v.Prerelease()), "metadata": cty.StringVal(v.Metadata()),
		}), nil
	}, "version")
}

// lengthFunc counts the elements of a collection or the characters of a string.
func lengthFunc() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType, AllowDynamicType: true, AllowUnknown: true}},
		Type: func(args []cty.Value) (cty.Type, error) {
			t := args[0].Type()
			if t == cty.String || t == cty.DynamicPseudoType || isSequence(t) || isMapping(t) {
				return cty.Number, nil
			}
			return cty.Number, errors.New("length is of a string, a list, a set, a map or an object")
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			switch t := args[0].Type(); {
			case !args[0].IsKnown():
				return cty.UnknownVal(cty.Number), nil
			case t == cty.String:
				return stdlib.Strlen(args[0])
			case t.IsObjectType():
				return cty.NumberIntVal(int64(len(t.AttributeTypes()))), nil
			}
			return args[0].Length(), nil
		},
	})
}

// elementsFunc makes a function of the elements of one list or set.
func elementsFunc(returns cty.Type, f func(elements []cty.Value) (cty.Value, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}},
		Type: func(args []cty.Value) (cty.Type, error) {
			t := args[0].Type()
			if !isSequence(t) {
				return returns, errors.New("the argument is a list or set")
			}
			return returns, nil
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if !args[0].IsWhollyKnown() {
				return cty.UnknownVal(returns), nil
			}
			return f(args[0].AsValueSlice())
		},
	})
}

func sumFunc() function.Function {
	return elementsFunc(cty.Number, func(elements []cty.Value) (cty.Value, error) {
		total := cty.Zero
		for _, e := range elements {
			n, err := convert.Convert(e, cty.Number)
			if err != nil || n.IsNull() {
				return cty.NilVal, errors.New("the elements are numbers")
			}
			total = total.Add(n)
		}
		return total, nil
	})
}

func allTrueFunc() function.Function {
	return elementsFunc(cty.Bool, func(elements []cty.Value) (cty.Value, error) {
		for _, e := range elements {
			if b, err := convert.Convert(e, cty.Bool); err != nil || b.IsNull() || b.False() {
				return cty.False, err
			}
		}
		return cty.True, nil
	})
}

func anyTrueFunc() function.Function {
	return elementsFunc(cty.Bool, func(elements []cty.Value) (cty.Value, error) {
		for _, e := range elements {
			b, err := convert.Convert(e, cty.Bool)
			if err != nil {
				return cty.False, err
			}
			if !b.IsNull() && b.True() {
				return cty.True, nil
			}
		}
		return cty.False, nil
	})
}

// oneFunc is the only element of a list of at most one, or null.
func oneFunc() function.Function {
	return elementsFunc(cty.DynamicPseudoType, func(elements []cty.Value) (cty.Value, error) {
		switch len(elements) {
		case 0:
			return cty.NullVal(cty.DynamicPseudoType), nil
		case 1:
			return elements[0], nil
		}
		return cty.NilVal, fmt.Errorf("the list has %d elements, not at most one", len(elements))
	})
}

// transposeFunc swaps keys and values of a map of lists of strings.
func transposeFunc() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "values", Type: cty.Map(cty.List(cty.String))}},
		Type:   function.StaticReturnType(cty.Map(cty.List(cty.String))),
		Impl: func(args []cty.Value, returns cty.Type) (cty.Value, error) {
			if !args[0].IsWhollyKnown() {
				return cty.UnknownVal(returns), nil
			}
			out := map[string][]cty.Value{}
			for it := args[0].ElementIterator(); it.Next(); {
				key, list := it.Element()
				if list.IsNull() {
					return cty.NilVal, errors.New("a list is null")
				}
				for _, v := range list.AsValueSlice() {
					if v.IsNull() {
						return cty.NilVal, errors.New("an element is null")
					}
					out[v.AsString()] = append(out[v.AsString()], key)
				}
			}
			if len(out) == 0 {
				return cty.MapValEmpty(returns.ElementType()), nil
			}
			lists := map[string]cty.Value{}
			for k, v := range out {
				lists[k] = cty.ListVal(v)
			}
			return cty.MapVal(lists), nil
		},
	})
}
