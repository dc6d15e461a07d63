package main

import (
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/trawl-sweep/trawl/sweep"
)

// masked stands for a secret in all that is shown or journalled about commands
// and environments.
const masked = "***"

// What is secret is told by names. A word such as password always is; token, key
// and auth are when they end a name and the value is no number, since
// --max_token=512 and --pad_token=0 are settings.
var (
	secretWord = regexp.MustCompile(`(?i)passw|passphrase|secret|credential|(api|access|private|license|ssh|account)[._-]?key|bearer`)
	secretTail = regexp.MustCompile(`(?i)(^|[^a-z])(token|key|auth|pwd|pass)$|[a-z](Token|Key|Auth)$`)

	flagName = regexp.MustCompile(`^--?[A-Za-z0-9_][A-Za-z0-9_.-]*$`)
	inLine   = regexp.MustCompile(`((?:--?)?[A-Za-z0-9_][A-Za-z0-9_.-]*)(=|\s+)('[^']*'|"[^"]*"|[^\s'"]+)`)

	userInfo  = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://[^/:@\s]*):[^/\s]+@`)
	tokenInfo = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://)[^/:@\s]{20,}@`)
	urlQuery  = regexp.MustCompile(`(?i)([?&](?:[a-z_]*token|[a-z_]*key|secret|password|sig|signature)=)[^&\s'"]+`)
	header    = regexp.MustCompile(`(?i)\b(authorization:\s*(?:bearer\s+|basic\s+)?|bearer\s+|basic\s+)[^\s'"]{4,}`)
)

// secretValue reports whether what has this name, an option's or a variable's,
// must not be shown.
func secretValue(name, value string) bool {
	if secretWord.MatchString(name) {
		return true
	}
	if !secretTail.MatchString(strings.TrimRight(name, "_-.")) {
		return false
	}
	_, number := sweep.ParseNumber(value)
	return !number && !slices.Contains([]string{"true", "false", "True", "False", "None", "null", ""}, value)
}

// secretEnv reports the same of a variable of the environment, where no word of
// the name is a setting.
func secretEnv(name, value string) bool {
	for word := range strings.FieldsFuncSeq(name, func(r rune) bool { return r == '_' || r == '-' }) {
		if secretValue(word, "x") {
			return true
		}
	}
	return secretValue(name, value)
}

// maskURL hides the passwords and tokens of addresses and of headers.
func maskURL(s string) string {
	s = userInfo.ReplaceAllString(s, "$1:"+masked+"@")
	s = tokenInfo.ReplaceAllString(s, "${1}"+masked+"@")
	s = urlQuery.ReplaceAllString(s, "${1}"+masked)
	return header.ReplaceAllString(s, "${1}"+masked)
}

// maskArgs hides the values of arguments that are secret by their name, in
// --name=value, --name value and NAME=value, also within a line for a shell;
// passwords in addresses; and, wherever they stand, the values of our own
// environment's secrets.
func maskArgs(argv []string) []string {
	out := make([]string, len(argv))
	own := ownSecrets(os.Environ())
	for i, a := range argv {
		name, value, valued := strings.Cut(a, "=")
		switch {
		case i > 0 && flagName.MatchString(argv[i-1]) && secretValue(argv[i-1], a) && !strings.HasPrefix(a, "-"):
			a = masked
		case strings.ContainsAny(a, " \t\n"):
			a = maskLine(a)
		case valued && secretValue(name, value):
			a = name + "=" + masked
		}
		a = maskURL(strings.ToValidUTF8(a, "\uFFFD"))
		for _, s := range own {
			a = strings.ReplaceAll(a, s, masked)
		}
		out[i] = a
	}
	return out
}

// maskLine does the same inside of one word that holds a whole command line.
func maskLine(line string) string {
	var b strings.Builder
	for {
		m := inLine.FindStringSubmatchIndex(line)
		if m == nil {
			return b.String() + line
		}
		name, sep, value := line[m[2]:m[3]], line[m[4]:m[5]], line[m[6]:m[7]]
		switch flag := strings.HasPrefix(name, "-"); {
		case (flag || sep == "=") && secretValue(name, strings.Trim(value, `'"`)) && !strings.HasPrefix(value, "-"):
			b.WriteString(line[:m[6]] + masked)
			line = line[m[7]:]
		default: // the value may be the next name
			b.WriteString(line[:m[5]])
			line = line[m[5]:]
		}
	}
}

// ownSecrets are the values of variables that are secret by their name; short
// ones would hide words that only look like them.
func ownSecrets(env []string) []string {
	var out []string
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		if len(value) >= 8 && secretEnv(name, value) && !strings.HasPrefix(value, "/") {
			out = append(out, value)
		}
	}
	return out
}

// envPrefixes are the variables that change what a training run computes.
var envPrefixes = []string{"CUDA", "NVIDIA_", "HIP_", "ROCR_", "NCCL_", "OMP_", "MKL_", "OPENBLAS_", "KMP_", "GOMP_", "PYTHON", "PYTORCH_", "TORCH_",
	"TF_", "XLA_", "JAX_", "KERAS_", "HF_", "TRANSFORMERS_", "TOKENIZERS_", "WANDB_MODE", "WANDB_PROJECT", "WANDB_ENTITY", "CONDA_DEFAULT_ENV", "CONDA_PREFIX", "VIRTUAL_ENV",
	"SLURM_JOB", "LD_LIBRARY_PATH", "LD_PRELOAD", "PATH", "LANG", "LC_ALL", "TZ", "MASTER_", "WORLD_SIZE", "RANK", "GOMAXPROCS", "TRAWL_"}

// allowed reports whether a variable is journalled: one that changes what a
// training run computes, or one that the sweep file names.
func allowed(name string, named []string) bool {
	return slices.ContainsFunc(envPrefixes, func(p string) bool { return strings.HasPrefix(name, p) }) || slices.Contains(named, name)
}

// allowedEnv are those variables of env, secrets masked.
func allowedEnv(env, named []string) map[string]string {
	out := map[string]string{}
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		if !allowed(name, named) {
			continue
		}
		if secretEnv(name, value) {
			value = masked
		}
		out[name] = maskURL(strings.ToValidUTF8(value, "\uFFFD"))
	}
	return out
}
