package schema

import (
	"errors"

	"github.com/hashicorp/go-cty-funcs/crypto"
	"github.com/hashicorp/go-cty-funcs/encoding"
	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	ctyyaml "github.com/zclconf/go-cty-yaml"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// functions are the functions that depend neither on a directory nor on git.
// Every function gives the same result for the same arguments on any machine
// at any time; those known from other tools that do not are refused by name.
func functions() map[string]function.Function {
	all := standardFunctions()
	for name, f := range map[string]function.Function{
		"alltrue":         allTrueFunc(),
		"anytrue":         anyTrueFunc(),
		"base64decode":    encoding.Base64DecodeFunc,
		"base64encode":    encoding.Base64EncodeFunc,
		"basename":        basenameFunc(),
		"can":             tryfunc.CanFunc,
		"dirname":         dirnameFunc(),
		"endswith":        endsWithFunc(),
		"jsondecode":      guarded(stdlib.JSONDecodeFunc),
		"length":          lengthFunc(),
		"md5":             crypto.Md5Func,
		"one":             oneFunc(),
		"replace":         replaceFunc(),
		"semvercmp":       semverCompareFunc(),
		"semverparse":     semverParseFunc(),
		"sha1":            crypto.Sha1Func,
		"sha256":          crypto.Sha256Func,
		"sha512":          crypto.Sha512Func,
		"startswith":      startsWithFunc(),
		"strcontains":     strContainsFunc(),
		"sum":             sumFunc(),
		"tobool":          stdlib.MakeToFunc(cty.Bool),
		"tolist":          stdlib.MakeToFunc(cty.List(cty.DynamicPseudoType)),
		"tomap":           stdlib.MakeToFunc(cty.Map(cty.DynamicPseudoType)),
		"tonumber":        stdlib.MakeToFunc(cty.Number),
		"toset":           stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType)),
		"tostring":        stdlib.MakeToFunc(cty.String),
		"transpose":       transposeFunc(),
		"try":             tryfunc.TryFunc,
		"urlencode":       encoding.URLEncodeFunc,
		"yamldecode":      guarded(ctyyaml.YAMLDecodeFunc),
		"yamlencode":      ctyyaml.YAMLEncodeFunc,
		"env":             refused("the environment is read through variables only, so that what a plan depends on is declared: variable \"x\" { env = \"X\" }, then var.x"),
		"timestamp":       refused(notReproducible),
		"plantimestamp":   refused(notReproducible),
		"uuid":            refused(notReproducible),
		"uuidv4":          refused(notReproducible),
		"bcrypt":          refused(notReproducible),
		"abspath":         refused("plans do not depend on where the workspace lies; paths are relative"),
		"pathexpand":      refused("plans do not depend on who runs them; paths are relative"),
		"homedir":         refused("plans do not depend on who runs them; paths are relative"),
		"formattimestamp": refused("use formatdate"),
	} {
		all[name] = f
	}
	return all
}

const notReproducible = "it gives another value at every call, so that every plan would build everything; pass the value in as a variable"

// refused is a function that only says what to do instead.
func refused(why string) function.Function {
	return function.New(&function.Spec{
		VarParam: &function.Parameter{Name: "arguments", Type: cty.DynamicPseudoType, AllowNull: true, AllowUnknown: true, AllowDynamicType: true, AllowMarked: true},
		Type: func([]cty.Value) (cty.Type, error) {
			return cty.DynamicPseudoType, errors.New("it is not offered: " + why)
		},
		Impl: func([]cty.Value, cty.Type) (cty.Value, error) {
			return cty.DynamicVal, errors.New("it is not offered: " + why)
		},
	})
}

// standardFunctions are those of go-cty, by the names that Terraform and bake
// give them.
func standardFunctions() map[string]function.Function {
	return map[string]function.Function{
		"abs": stdlib.AbsoluteFunc, "absolute": stdlib.AbsoluteFunc, "add": stdlib.AddFunc, "and": stdlib.AndFunc,
		"ceil": stdlib.CeilFunc, "chomp": stdlib.ChompFunc, "chunklist": stdlib.ChunklistFunc, "coalesce": stdlib.CoalesceFunc,
		"coalescelist": stdlib.CoalesceListFunc, "compact": stdlib.CompactFunc, "concat": stdlib.ConcatFunc,
		"contains": stdlib.ContainsFunc, "csvdecode": stdlib.CSVDecodeFunc, "distinct": stdlib.DistinctFunc,
		"divide": stdlib.DivideFunc, "element": stdlib.ElementFunc, "equal": stdlib.EqualFunc, "flatten": stdlib.FlattenFunc,
		"floor": stdlib.FloorFunc, "format": boundedFormat(stdlib.FormatFunc), "formatdate": stdlib.FormatDateFunc,
		"formatlist": boundedFormat(stdlib.FormatListFunc), "greaterthan": stdlib.GreaterThanFunc,
		"greaterthanorequalto": stdlib.GreaterThanOrEqualToFunc, "hasindex": stdlib.HasIndexFunc, "indent": indentFunc(),
		"index": stdlib.IndexFunc, "int": stdlib.IntFunc, "join": stdlib.JoinFunc, "jsonencode": stdlib.JSONEncodeFunc,
		"keys": stdlib.KeysFunc, "lessthan": stdlib.LessThanFunc, "lessthanorequalto": stdlib.LessThanOrEqualToFunc,
		"log": stdlib.LogFunc, "lookup": stdlib.LookupFunc, "lower": stdlib.LowerFunc, "max": stdlib.MaxFunc,
		"merge": stdlib.MergeFunc, "min": stdlib.MinFunc, "modulo": stdlib.ModuloFunc, "multiply": stdlib.MultiplyFunc,
		"negate": stdlib.NegateFunc, "not": stdlib.NotFunc, "notequal": stdlib.NotEqualFunc, "or": stdlib.OrFunc,
		"parseint": stdlib.ParseIntFunc, "pow": stdlib.PowFunc, "range": stdlib.RangeFunc, "regex": stdlib.RegexFunc,
		"regex_replace": stdlib.RegexReplaceFunc, "regexall": stdlib.RegexAllFunc, "reverse": stdlib.ReverseListFunc,
		"reverselist": stdlib.ReverseListFunc, "sethaselement": stdlib.SetHasElementFunc,
		"setintersection": stdlib.SetIntersectionFunc, "setproduct": boundedProduct(), "setsubtract": stdlib.SetSubtractFunc,
		"setsymmetricdifference": stdlib.SetSymmetricDifferenceFunc, "setunion": stdlib.SetUnionFunc, "signum": stdlib.SignumFunc,
		"slice": stdlib.SliceFunc, "sort": stdlib.SortFunc, "split": stdlib.SplitFunc, "strlen": stdlib.StrlenFunc,
		"strreverse": stdlib.ReverseFunc, "substr": stdlib.SubstrFunc, "subtract": stdlib.SubtractFunc, "timeadd": stdlib.TimeAddFunc,
		"title": stdlib.TitleFunc, "trim": stdlib.TrimFunc, "trimprefix": stdlib.TrimPrefixFunc, "trimspace": stdlib.TrimSpaceFunc,
		"trimsuffix": stdlib.TrimSuffixFunc, "upper": stdlib.UpperFunc, "values": stdlib.ValuesFunc, "zipmap": stdlib.ZipmapFunc,
	}
}

// Functions returns the functions that depend neither on a directory nor on
// git, by name.
func Functions() map[string]function.Function { return functions() }
