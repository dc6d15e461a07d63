package guess

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

// A verdict is what becomes of a flag in the file.
type verdict uint8

const (
	offer    verdict = iota // a comment, to be enabled
	vary                    // a parameter that is swept
	hold                    // a parameter with one value: budgets of training
	repeat                  // the seed
	output                  // a place to write to: each trial its own
	leave                   // data, devices, logs: named in a comment
	unlisted                // help and the like
)

// A shape is how the values of a parameter lie.
type shape uint8

const (
	exactly     shape = iota // the default as it stands
	logarithmic              // a factor around the default, scale: log
	linear                   // a fixed interval
	wholes                   // integers from a part of the default to a multiple of it
	powers                   // powers of two around the default
	listed                   // values as the table has them
	chosen                   // the choices of the help
)

// A rule says what the name of a flag tells.
type rule struct {
	names    string // regular expression for the whole name, normalised
	help     string // and one for the description; "": any
	do       verdict
	shape    shape
	min, max float64 // the range where no default is known, or whatever it is (linear)
	factor   float64 // logarithmic: from default/factor to default×factor
	values   []string
	note     string // a word for the reader of the file
}

// rules are looked through in order; the first that fits wins. Ranges are the
// field's usual ones:
//
//   - learning rate, batch size, weight decay, layers and widths: Bengio,
//     Practical recommendations for gradient-based training of deep
//     architectures, 2012, sections 3.1 to 3.3 (log scale from below 1e-6 to
//     above 1, default 0.01; batch 1 to a few hundreds; λ on a log scale), and
//     Godbole, Dahl, Gilmer, Shallue and Nado, Deep Learning Tuning Playbook,
//     2023 (log scales for lr, 1-β₁ and weight decay; the batch size decides the
//     speed and is tuned last).
//   - momentum up to 0.99: Sutskever, Martens, Dahl and Hinton, On the importance
//     of initialization and momentum in deep learning, ICML 2013.
//   - dropout up to 0.5: Srivastava et al., Dropout, JMLR 15, 2014, section A.4.
//   - clipping around 1, in a range of 10 to both sides: Pascanu, Mikolov and
//     Bengio, ICML 2013 (the threshold may lie from half of to ten times the
//     average norm).
//   - Adam's ε on a log scale up to 1e-3 and more: Choi et al., On empirical
//     comparisons of optimizers for deep learning, 2019.
//   - label smoothing up to 0.2: Müller, Kornblith and Hinton, When does label
//     smoothing help?, NeurIPS 2019.
//   - C and γ of support vector machines: Hsu, Chang and Lin, A practical guide
//     to support vector classification, 2003, section 3.2 (2⁻⁵ … 2¹⁵, 2⁻¹⁵ … 2³).
//   - boosted trees: Probst, Boulesteix and Bischl, Tunability, JMLR 20, 2019,
//     table 1, narrowed to what ends in minutes.
//   - policy gradients: Andrychowicz et al., What matters for on-policy deep
//     actor-critic methods?, ICLR 2021.
var rules = []rule{
	// What names no hyperparameter, though a word in it sounds like one.
	{names: `(h|help|version|usage|print_config|cfg|hydra.*|flagfile|undefok|multirun|install_completion|show_completion)`, do: unlisted},
	{names: `((random|rng|torch|np|numpy|manual|global|model|train)_?)?seed(_everything)?|random_state`, do: repeat},
	{names: `.*(test|eval|val|valid|validation|inference|predict)_?(batch_?size|bs)(_.*)?|micro_?batch_?size`, do: leave},
	{names: `(save_)?(output|out|save|result|results|log|logging|ckpt|checkpoint|checkpoints|tensorboard|tb|summary|export|run|work|model_save)_?(dir|path|folder|root|directory|prefix|file|filename|output|out)|output|out|logdir|workdir|savedir|save_to|log_to|model_out|save_model_path|outdir|outf|o|save`, do: output},
	{names: `model(_dir|_file|_path)?`, help: `(?i)\b(output|save|write|written|store)`, do: output},
	{names: dataNames, do: leave},
	{names: `((use|with|enable|disable|no)_)?(cuda|gpu|gpus|mps|tpu|cpu|xpu|accel|device|devices|ddp|distributed|amp|fp16|bf16|tf32|half|compile|jit|deterministic|benchmark)(_ids?|_name|_type|s)?|gpu_.*|tpu_.*|ddp_.*|dist_.*|local_rank|rank|world_size|master_.*|nnodes|nproc.*|node_rank|init_method|accelerator|strategy|precision|dtype|(\w+_)?backend`, do: leave},
	{names: `((dataloader|data|num|n|max)_)*(workers|num_workers|threads|n_?threads?|thread|jobs|procs|cpus|cores|processes|nthread)|n_jobs|j|prefetch.*|pin_memory|port|host|hostname|url|endpoint|api_.*|timeout|cache_?size`, do: leave},
	{names: `.*(log|print|save|eval|report|checkpoint|test|val|display|summary|logging|disp|plot|write)_?(interval|every|freq|frequency|steps|period|iters|every_n.*|epochs)|(eval|save|logging|report)_(strategy|to|only|total_limit|on_.*|train|model|first_step|results|best.*)|(do|skip)_(train|eval|test|predict)|save_.*|write_.*|log_.*|show_.*|print_.*|plot.*|eval(uate)?|test(_only)?|predict`, do: leave},
	{names: `verbose|verbosity|quiet|q|v|debug|silent|progress.*|(no_)?progress_bar|profile.*|dry_?run|wandb.*|mlflow.*|comet.*|neptune.*|tensorboard|project(_name)?|entity|tags?|name|(exp|experiment|run|job)(_?(name|id|tag))?|group|notes?|comment|mode|task|phase|stage|split|loglevel|token|hub_.*|push_to_hub|username|password|email|overwrite.*|force|resume.*|restart|ckpt|checkpoint|pretrained_(path|model.*)|load.*|init_from|init_?checkpoint|restore.*|weights|config.*|cfg.*|conf|yaml|fold|folds|cache.*|tmp.*|temp_dir|label|patience|early_stop.*|(\w+_)?max_(train|eval|val|test|predict)_samples|retrain|q(norm|out)|cutoff|dsub|autotune.*|language|lang|dsplit|name_.*|ntree_limit|iteration_(begin|end)|pred_.*|dump_.*|visuali[sz]e|render.*|interactive|fast_dev_run|sanity_.*|limit_\w+_batches`, do: leave},

	// Rates of learning.
	{names: `(\w+_)?(lr|learning_?rate)_?(min|end|final)|(min|end|final)_(lr|learning_rate)|eta_min`, do: offer, shape: logarithmic, min: 1e-7, max: 1e-3, factor: 100},
	{names: `(\w+_)?(lr|learning_?rate)_?(update_?rate|step.*|every|milestones?|patience|warmup_.*)|lr_update.*`, do: offer},
	{names: `(\w+_)?(lr|learning_?rate)_?(decay|gamma|factor|drop)(_rate|_factor)?|decay_(rate|factor)|(lr_)?gamma`, help: `(?i)\b(lr|learning|step|decay)`, do: vary, shape: linear, min: 0.1, max: 1},
	{names: `(lr|learning_?rate)_?(scheduler?|schedule|policy|type)(_type)?|scheduler?(_type)?|schedule`, do: vary, shape: chosen},
	{names: `(base|init|initial|start|max|peak|head|backbone|encoder|decoder|actor|critic|policy|value|q|generator|discriminator|g|d|model|optimizer|optim)?_?(lr|learning_?rate)(_?(0|init|max|peak))?|eta0|step_?size_?init`, do: vary, shape: logarithmic, min: 1e-5, max: 1, factor: 100},
	{names: `eta`, do: vary, shape: logarithmic, min: 0.01, max: 0.5, factor: 30},
	{names: `momentum|mom|mu|(sgd|optim(izer)?)_momentum`, do: vary, shape: linear, min: 0, max: 0.99},
	{names: `nesterov|amsgrad`, do: vary},
	{names: `(adam_?)?(beta_?1|b1)`, do: offer, shape: linear, min: 0.8, max: 0.99},
	{names: `(adam_?)?(beta_?2|b2)`, do: offer, shape: linear, min: 0.9, max: 0.9999},
	{names: `rho|(rms(prop)?_?)?alpha_rms`, do: offer, shape: linear, min: 0.8, max: 0.999},
	{names: `(adam_?|opt_?|optim_?)?eps(ilon)?`, help: `(?i)adam|optim|stabil|denominator`, do: offer, shape: logarithmic, min: 1e-10, max: 1e-3, factor: 1000},
	{names: `(\w+_)?(weight_?decay|wd|wdecay|weight_decay_rate)|l2(_?(reg|regulari[sz]ation|penalty|lambda|weight|coef))?|(reg_?)?lambda_?l2|reg_lambda`, do: vary, shape: logarithmic, min: 1e-6, max: 0.1, factor: 100},
	{names: `l1(_?(reg|regulari[sz]ation|penalty|lambda|weight|coef|ratio))?|reg_alpha`, do: offer, shape: logarithmic, min: 1e-6, max: 0.1, factor: 100},
	{names: `lambda`, help: `(?i)regulari`, do: vary, shape: logarithmic, min: 0.01, max: 100, factor: 100},
	{names: `alpha|reg(_?(strength|weight|coef))?|regulari[sz]ation|lamb(da)?|lmbda|penalty|ridge|lasso`, help: `(?i)regulari|penalty|\bL[12]\b|decay|ridge|lasso`, do: vary, shape: logarithmic, min: 1e-6, max: 0.1, factor: 100},
	{names: `optim(izer)?(_?(name|type))?|opt(_name)?|solver(_type)?`, do: vary, shape: chosen},

	// Regularisation.
	{names: `(\w+_)?(dropout|drop_?out|drop_?rate|p_?drop|drop_?path)(_?(rate|prob|p|ratio|keep))?\w{0,2}|drop|(\w+_)dropout_\w+`, do: vary, shape: linear, min: 0, max: 0.5},
	{names: `label_?smoothing(_factor|_rate|_eps)?|smoothing`, do: vary, shape: linear, min: 0, max: 0.2},
	{names: `(mixup|cutmix|mix_up)(_alpha)?`, do: vary, shape: linear, min: 0, max: 1},
	{names: `(\w+_)?(grad(ient)?s?_?)?clip(ping)?(_?(norm|grad(ient)?s?|grad_norm|value|val|threshold|max_norm|by_norm|gradient_norm))?|max_(grad(ient)?_)?norm|grad_norm(_clip)?|clip_(g|norm)`, do: vary, shape: logarithmic, min: 0.1, max: 10, factor: 10},
	{names: `warm_?up_?(ratio|fraction|proportion|frac|pct)|pct_start`, do: vary, shape: linear, min: 0, max: 0.3},
	{names: `((lr|num|n)_)?warm_?up(_?(steps|epochs|iters|iterations|updates|batches|epoch|iter|step))?|num_warmup_steps`, do: vary, shape: wholes, min: 0, max: 5, factor: 3},

	// Budgets: the same for all, or the comparison is not fair.
	{names: `((n|num|max|total|nb|train|training)_?)*(epochs?|steps|iters?|iterations?|updates|rounds?|timesteps|episodes|boost_round|train_steps|total_steps)|n_?iter|niter|max_iter|num_boost_round|(num_)?train_epochs|max_steps`, do: hold},

	// Sizes.
	{names: `(\w+_)?(batch_?size|mini_?batch(_?size)?|bsz|bs|batch)(_per_(device|gpu|replica))?|samples_per_gpu|b`, do: vary, shape: powers, min: 16, max: 256},
	{names: `(gradient_)?accum(ulate|ulation)?_?(steps|grad.*|iters|freq)|gradient_accumulation_steps|accumulate_grad_batches`, do: offer},
	{names: `max_?depth|tree_depth`, do: vary, shape: wholes, min: 3, max: 10, factor: 2},
	{names: `((n|num|nb)_?)?(\w+_)?(layers?|n_?layers|blocks|depth|hidden_layers|nlayers|stages)(_?(num|count))?`, do: vary, shape: wholes, min: 1, max: 4, factor: 2},
	{names: `((n|num)_?)?(attention_?|attn_?)?n?heads?`, do: offer, note: `must divide the width`},
	{names: `((n|num)_?)?(\w+_)?(hidden|hidden_?(size|dim|units?|width|features|channels|nodes|layer_sizes?)|nhid|n_?hid|hid_?dim|d_?model|(n_?)?embd|emb(ed(ding)?)?_?(size|dim)|emsize|width|units|n_units|(base_?)?channels|num_?features|filters|ffn_?dim|d_?ff|dim_?feedforward|latent_?dim|z_?dim|n_?z|model_?dim|rnn_size|lstm_size|ngf|ndf|dim|neurons|fc_?dim|mlp_?dim)`, do: vary, shape: powers, min: 32, max: 256},
	{names: `(lora_?)?(r|rank)|lora_dim`, do: offer, shape: listed, values: []string{"4", "8", "16", "32"}},
	{names: `lora_alpha`, do: vary, shape: listed, values: []string{"8", "16", "32", "64"}},
	{names: `(conv_?)?kernel_?size|ksize|filter_size`, do: vary, shape: listed, values: []string{"3", "5", "7"}},
	{names: `activation(_?(fn|function|name|type))?|act(_fn)?|nonlinearity|nonlin|norm(_type|_layer)?|normali[sz]ation|pool(ing)?(_type)?|init(iali[sz](er|ation))?(_?(type|method))?|rnn_type|cell(_type)?`, do: vary, shape: chosen},
	{names: `(use_|with_|no_)?(batch_?norm|bn|layer_?norm|bias|residual|skip_?connections?|augment(ation)?s?|data_augmentation|mixup|ema|tied?|tie_weights|bidirectional|pre_?norm|attention|class_weights?|balanced?|weight_norm|spectral_norm|dropout|shrinking|standardi[sz]e|scale)`, do: vary},

	// Trees, support vectors, embeddings of words.
	{names: `(n|num)_?leaves|max_leaf_nodes|num_leaf`, do: vary, shape: powers, min: 16, max: 128},
	{names: `min_child_weight`, do: vary, shape: logarithmic, min: 0.1, max: 100, factor: 30},
	{names: `min_(samples|data|sum_hessian)_(leaf|split|in_leaf)`, do: vary, shape: wholes, min: 1, max: 20, factor: 10},
	{names: `subsample|bagging_fraction|colsample_.*|feature_fraction|row_?sample|max_samples`, do: vary, shape: linear, min: 0.5, max: 1},
	{names: `(n|num)_?(estimators|trees)`, do: hold},
	{names: `gamma`, help: `(?i)\bsplit\b`, do: offer, shape: linear, min: 0, max: 5},
	{names: `gamma`, help: `(?i)\bkernel`, do: vary, shape: logarithmic, min: 0.0001, max: 8, factor: 100, note: `Hsu et al. 2003`},
	{names: `gamma|discount(_factor)?`, help: `(?i)\bdiscount`, do: vary, shape: linear, min: 0.9, max: 0.999},
	{names: `c|cost|svm_?c`, help: `(?i)\bC\b|\bcost\b|penalty|margin|regulari`, do: vary, shape: logarithmic, min: 0.03, max: 1000, factor: 1000, note: `Hsu et al. 2003`},
	{names: `word_?ngrams`, do: vary, shape: wholes, min: 1, max: 3, factor: 3},
	{names: `ws|window(_?size)?`, do: vary, shape: wholes, min: 2, max: 10, factor: 2},
	{names: `neg|negatives?(_samples)?`, do: offer, shape: wholes, min: 2, max: 20, factor: 3},

	// Reinforcement learning.
	{names: `gae_?lambda|lam(bda)?_gae`, do: vary, shape: linear, min: 0.9, max: 1},
	{names: `clip_?(range|coef|ratio|eps(ilon)?|param)`, do: vary, shape: linear, min: 0.1, max: 0.3},
	{names: `ent(ropy)?_?(coef|coeff|weight|bonus|beta|loss_coef)`, do: vary, shape: logarithmic, min: 1e-4, max: 0.1, factor: 10},
	{names: `(vf|value)_?(loss_)?(coef|coeff|weight)`, do: offer, shape: linear, min: 0.25, max: 1},
	{names: `temperature|temp`, do: offer, shape: logarithmic, min: 0.05, max: 5, factor: 10},

	// Choices that change what the metric means, or what is trained at all.
	{names: `loss(_?(fn|function|type|name))?|criterion|objective|metric.*|(svm_|kernel_)?type|kernel`, do: offer, note: `may change what the metric means`},
	{names: `bias`, do: offer},
}

const dataNames = `.*(data|dataset|datasets|corpus|vocab|vocabulary|images?|labels?|csv|json|tokenizer|input|train|valid|val|test|dev|model|weights|pretrained|embeddings?|config|source|target|feature)_?(set_)?(dir|path|file|files|folder|root|name|names|set|directory|name_or_path|url|csv|vectors|col(umn)?s?|in)|data|dataset|datasets|input|inputs|train|valid|test|dev|root|path|file|filename|corpus|text|train_?data|test_?data|val_?data|(test|val|validation|train)_?(size|split|ratio|fraction)|image_?size|img_?size|(n|num)_?(classes|samples|channels_in|train|test|examples)|max_?(seq(uence)?_?)?len(gth)?|seq(uence)?_?len(gth)?|bptt|(train|test)_path|training_set_file|test_file|model_file|model_in|model_dir|training_?file|env(_id|_name)?|pretrained_?vectors|subset`

// compiled are the rules, ready for use.
var compiled = sync.OnceValue(func() []struct{ names, help *regexp.Regexp } {
	out := make([]struct{ names, help *regexp.Regexp }, len(rules))
	for i, r := range rules {
		out[i].names = regexp.MustCompile(`^(?:` + r.names + `)$`)
		if r.help != "" {
			out[i].help = regexp.MustCompile(r.help)
		}
	}
	return out
})

// judge finds the rule of a flag; of a dotted name, the last part counts.
func judge(f *Flag) rule {
	if f.Section == hydraGroup {
		return rule{do: offer, shape: chosen}
	}
	last := f.Name[strings.LastIndexByte(f.Name, '.')+1:]
	name := snake(last)
	for i, c := range compiled() {
		if c.names.MatchString(name) && (c.help == nil || c.help.MatchString(f.Help)) {
			return fit(rules[i], f)
		}
	}
	switch {
	case isPlace(f):
		return rule{do: leave}
	case len(f.Choices) > 1 && len(f.Choices) <= maxChoices && !f.Prose && f.Kind != Int && f.Kind != Bool:
		return rule{do: vary, shape: chosen}
	}
	return rule{do: offer}
}

// maxChoices are as many choices as are swept without being asked.
const maxChoices = 8

// fit takes a rule back where the flag's kind says that it is about something
// else: a switch --dropout, a text --clip.
func fit(r rule, f *Flag) rule {
	numeric := r.shape != exactly && r.shape != chosen
	switch {
	case r.do == output && (f.Switch || f.Kind == Bool || f.Kind == Int || f.Kind == Float):
		return rule{do: leave}
	case (r.do == hold || r.do == repeat) && (f.Switch || f.Kind == Text && f.Default != "" && kindOfDefault(f.Default) != Int && kindOfDefault(f.Default) != Float):
		return rule{do: offer}
	case r.do != vary && r.do != offer:
	case f.Many, numeric && (f.Switch || f.Kind == Bool || f.Kind == Text && kindOfDefault(f.Default) == Text && f.Default != "" && !formula(f)):
		return rule{do: offer}
	case numeric && f.Kind == Int && !f.Loose && r.shape == linear && r.max <= 1:
		return rule{do: offer}
	case r.shape == chosen && (len(f.Choices) < 2 || len(f.Choices) > maxChoices):
		r.do = offer
	case r.shape == exactly && r.do == vary && f.Kind != Bool && !f.Switch && !isZeroOne(f):
		r.do = offer
	}
	return r
}

// formula reports whether a default is a number that depends on the data, such
// as LIBSVM's 1/num_features.
func formula(f *Flag) bool { return strings.HasPrefix(f.Default, "1/") }

func isZeroOne(f *Flag) bool { return slices.Equal(f.Choices, []string{"0", "1"}) }

// isPlace reports whether a flag takes a file.
func isPlace(f *Flag) bool {
	meta := strings.ToUpper(f.Metavar)
	return strings.ContainsAny(f.Default, "/\\") && !formula(f) || saysPlace().MatchString(f.Help) || slices.Contains([]string{"PATH", "FILE", "DIR", "DIRECTORY", "FILENAME", "FOLDER", "CONFIG"}, meta)
}

// saysPlace matches descriptions of files.
var saysPlace = lazy(`(?i)^(an? |the )?(optional )?(path|file|folder|directory|location)s? (to|of|for|in|from|with|where)\b`)

var hump = lazy(`([a-z0-9])([A-Z])`)

// snake is a name in small letters with _: minCount is min_count.
func snake(s string) string {
	return strings.ToLower(strings.ReplaceAll(hump().ReplaceAllString(s, "${1}_${2}"), "-", "_"))
}
