package edgar

import (
	"regexp"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/signals"
)

// change is somebody who comes or goes, as one sentence tells it.
type change struct {
	leaves bool
	person string // "" unless it is plain
	title  string // "" unless it is plain
	role   string // of the model, "" for one that it does not watch
}

// officer is the entity of a change in a role that the model does not watch.
const officer = "officer"

// executiveEvents returns the changes that a report tells of under item 5.02: one for
// each role that the model watches, or else one for all of them. The item is also for
// what the top is paid, which is no change: without a sentence that says that somebody
// comes or goes there is none.
func executiveEvents(at signals.Look, who *filer, f filing, text string) []signals.Event {
	var roles []icp.Role
	if at.Rules != nil {
		roles = at.Rules.Executives
	}
	found := changes(section502(text), roles)
	for i, c := range found {
		if strings.HasPrefix(strings.ToLower(who.filings.Name), strings.ToLower(c.person)) { // the company is nobody who comes or goes
			found[i].person = ""
		}
	}
	if len(found) == 0 {
		return nil
	}
	var out []signals.Event
	for _, c := range perRole(found) {
		e := signals.Event{
			Kind: signals.ExecutiveChange, Entity: officer, OccurredAt: f.occurred(at, f.reported),
			Summary: c.summary(), Concerns: c.concerns(), Confidence: who.confidence, Evidence: f.evidence(who),
		}
		if c.role != "" {
			e.Entity = c.role
		}
		out = append(out, e)
	}
	return out
}

// perRole returns the change to tell for each watched role: of two, who comes. If no
// role is watched, it is the first change that says of which office.
func perRole(all []change) []change {
	var out []change
	for _, c := range all {
		i := slices.IndexFunc(out, func(o change) bool { return o.role == c.role })
		switch {
		case c.role == "":
		case i < 0:
			out = append(out, c)
		case better(c, out[i]):
			out[i] = c
		}
	}
	if len(out) > 0 {
		return out
	}
	if i := slices.IndexFunc(all, func(c change) bool { return c.title != "" }); i >= 0 {
		return all[i : i+1]
	}
	return []change{{}}
}

// better reports whether c tells more of a role than o does.
func better(c, o change) bool {
	if c.leaves != o.leaves {
		return o.leaves
	}
	return o.person == "" && c.person != ""
}

func (c change) summary() string {
	switch {
	case c.title == "":
		return "officer or director change filed (8-K item 5.02)"
	case c.leaves:
		return "announced the departure of its " + c.title + " (8-K item 5.02)"
	default:
		article := "a "
		if strings.ContainsRune("AEIOUaeiou", rune(c.title[0])) {
			article = "an "
		}
		return "appointed " + article + c.title + " (8-K item 5.02)"
	}
}

func (c change) concerns() string {
	if c.person == "" || c.title == "" {
		return c.person
	}
	return c.person + ", " + c.title
}

// changes returns who comes and who goes.
func changes(section string, roles []icp.Role) []change {
	var out []change
	for _, s := range sentences(section) {
		comes, goes := tells(s, appointments), tells(s, departures)
		var found []change
		if comes {
			found = append(found, appointment(s))
		}
		if goes {
			found = append(found, departure(s))
		}
		for _, c := range found {
			c.role = roleOf(roles, c, s, comes && goes)
			out = append(out, c)
		}
	}
	return out
}

// roleOf returns the watched role that a change is about: that of its title, or if
// there is none of the sentence, which may name the offices of others as well, and
// does when it is about two changes, or about somebody's past.
func roleOf(roles []icp.Role, c change, sentence string, two bool) string {
	text := c.title
	if text == "" {
		if two || past.MatchString(sentence) {
			return ""
		}
		text = sentence
	}
	r, _ := icp.RoleFor(roles, text, "")
	return r.Name
}

var past = regexp.MustCompile(`(?i)\b(?:prior to|previously|formerly|most recently|before joining|earlier in (?:his|her) career|(?:from|since|in) (?:[a-z]+ )?(?:19|20)[0-9]{2} (?:to|until|through)|serv(?:ed|ing) as)\b`)

// verb is a way to say that somebody comes or goes, and what it must not be followed by.
type verb struct{ is, not *regexp.Regexp }

func verbs(patterns ...[2]string) []verb {
	var out []verb
	for _, p := range patterns {
		v := verb{is: regexp.MustCompile(`(?i)\b(?:` + p[0] + `)\b`)}
		if p[1] != "" {
			v.not = regexp.MustCompile(`(?i)^(?:` + p[1] + `)`)
		}
		out = append(out, v)
	}
	return out
}

// Finite verbs, in the past or the near future: plans for pay are full of nouns and of
// conditions ("upon termination of employment", "a participant who retires").
var (
	appointments = verbs(
		[2]string{`(?:re)?appointed`, ``},
		[2]string{`promoted`},
		[2]string{`hired`},
		[2]string{`(?:re-?)?elected`, ` (?:to (?:receive|defer|participate|have|pay|accept|terminate|accelerate|extend|waive|resign|retire|step|not|leave)|not\b|and qualified|officers?\b|members?\b|at\b)`},
		[2]string{`named`, ` (?:executive|officer|in\b|above|therein|herein|nominee|person|fiduciar|benefici)`},
		[2]string{`(?:approved|announced|announcing|confirmed|announces) (?:the|her|his) (?:appointment|election|promotion|hiring)`},
		[2]string{`appointment of [^,;]{2,60}? (?:as|to)`},
		[2]string{`will (?:succeed|become|assume the (?:role|position|office|title|duties|responsibilities))`, ` (?:a participant|participants|effective|payable|due|vested|exercisable|eligible|entitled|subject|fully|immediately|null)`},
		[2]string{`(?:has|will) join(?:ed)? the (?:company|board)`},
	)
	departures = verbs(
		[2]string{`resigned`, ` (?:for|with|without) .?good reason`},
		[2]string{`will (?:resign|retire|depart|leave|step down|separate from|cease to|cease serving|no longer|be (?:departing|leaving|retiring|resigning|stepping down))`, ` (?:accrue|be (?:eligible|entitled|subject)|receive|vest|apply|participate|have)`},
		[2]string{`(?:retired|departed)`, ` (?:participant|employee|director)s?\b`},
		[2]string{`step(?:s|ped|ping)? down`},
		[2]string{`(?:notified|informed|advised) [^.;]{0,160}\b(?:(?:her|his|their) (?:\pL+ )?(?:resignation|retirement|departure|decision|intention|intent)|that (?:he|she|they) (?:will|would|intends?|plans?|planned|has|is|does|was)\b[^.;]{0,60}\b(?:resign|retire|step|leave|depart|stand|seek|separat)[a-z]*)`},
		[2]string{`(?:tendered|submitted|delivered|announced|accepted|received|provided|gave) [^.;]{0,80}\b(?:(?:his|her|their) |notice of |the )(?:\pL+ )?(?:resignation|retirement|departure)`, ` (?:benefits?|plans?|eligib|vest|date|age)|-`},
		[2]string{`(?:decision|intention|intends?|plans?|decided|elected|agreed) to (?:resign|retire|step down|leave|depart|separate)`},
		[2]string{`the (?:departure|resignation|retirement|removal|separation) of (?:mr\.|ms\.|mrs\.|dr\.|\pL+ (?:\pL\.? )?\pL+ (?:as|from))`},
		[2]string{`(?:was|were|has been|have been) (?:terminated|removed|dismissed|relieved|replaced) (?:as|from|of|by the (?:board|company)|without|effective)`},
		[2]string{`terminated the employment of`},
		[2]string{`employment (?:with the company |as [^,;]{3,60} )?(?:was|has been|will be|is being) terminated`},
		[2]string{`ceased (?:to (?:be|serve|act)|being|serving|(?:his|her) (?:employment|service))`},
		[2]string{`separated from (?:the company|his|her)`},
		[2]string{`passed away`},
		[2]string{`not (?:to )?(?:stand|seek|run|stand as a candidate) (?:for )?(?:re-?election|a new term|another term)`},
		[2]string{`left the (?:company|board)`},
		[2]string{`mutually agreed (?:that|to)\b[^.;]{0,120}\b(?:end|separat[a-z]+|depart[a-z]*|leave|step down|cease)`},
		[2]string{`transition(?:ed|s|ing)? (?:out of|from) (?:his|her|the) (?:role|position|office)`},
	)

	// unreal is what stands before a verb that does not report: a condition, a
	// reference to an earlier report, somebody's history.
	unreal = regexp.MustCompile(`(?i)^(?:prior to (?:joining|becoming|that|this|his|her)|before|previously|formerly|earlier|from)\b|\b(?:if|unless|whether|in the event|in case|in the case of|event that|to the extent|provided that|upon (?:a|an|any|such|termination|death|retirement)|except|previously (?:disclosed|announced|reported)|participants?|grantees?|until (?:such time|a|an|the|his|her)|date on which)\b|\bwho (?:was|is|were|are|has been|have been|had been|has|have|had)?\s*$|\bwhen (?:he|she)(?: was| has been)?\s*$`)

	// others are appointed and resign too: auditors under another item, and those who
	// look after a plan.
	auditors = regexp.MustCompile(`(?i)\b(?:public accounting firm|independent auditors?)\b`)
	trustees = regexp.MustCompile(`(?i)\b(?:committees?|administrators?|agents?|trustees?) (?:that |who )?(?:is |was |has been )?(?:duly )?appointed by\b`)
)

// tells reports whether a sentence says by one of the verbs that it has happened, or
// is about to.
func tells(sentence string, by []verb) bool {
	if auditors.MatchString(sentence) {
		return false
	}
	sentence = trustees.ReplaceAllString(sentence, "")
	for _, v := range by {
		for _, m := range v.is.FindAllStringIndex(sentence, -1) {
			if v.not != nil && v.not.MatchString(sentence[m[1]:]) {
				continue
			}
			if !unreal.MatchString(sentence[:m[0]]) {
				return true
			}
		}
	}
	return false
}

// The parts of a plain sentence. Persons and titles are written with capitals; a chief
// officer may also be written small.
const (
	personPart = `((?:(?:Mr|Ms|Mrs|Dr)\. )?\p{Lu}[\p{L}'’.-]*(?: (?:\p{Lu}[\p{L}'’.-]*|de|da|van|von|der|den|la|Jr\.|II|III)){0,4})`
	aside      = `(?:, [^;]{1,160}?,| \([^)]{1,40}\))?`
	determiner = `(?:(?:the |its |our |his |her |their |a |an )?(?:Company|Corporation|Registrant)['’]s |the |its |our |a |an )?(?:(?:new|next|current|first) )?`
	titlePart  = `((?:(?:interim|acting|permanent) )?(?:\p{Lu}[\pL&/-]*(?:,? (?:(?:and|of|for|the|&) ){0,2}\p{Lu}[\pL&/-]*){0,9}|(?i:chief (?:[a-z]+ ){1,3}officer|(?:executive |senior )*(?:vice )?president|(?:independent )?director|(?:executive )?chair(?:man|woman|person)?)\b))`
	appointing = `(?:re)?(?:appointed|named|elected|promoted|hired)`
	office     = `(?:to succeed [^,;]{2,60}? )?(?:as|to serve as|to act as|to be|to become|to(?: the)? (?:position|role|office) of|to) ` + determiner
)

var (
	appointedPatterns = []*regexp.Regexp{
		regexp.MustCompile(`\b` + appointing + ` ` + personPart + aside + ` ` + office + titlePart),
		regexp.MustCompile(`\b` + personPart + aside + ` (?:was|has been|had been|will be|is being) (?:also |unanimously |duly )*` + appointing + `(?:(?: by [^,;]{1,60}?)?` + aside + ` ` + office + `| ` + determiner + `)` + titlePart),
		regexp.MustCompile(`\b(?:appointment|election|promotion|hiring) of ` + personPart + aside + ` ` + office + titlePart),
		regexp.MustCompile(`\b` + personPart + aside + ` (?:will succeed [^,;]{3,60} as|will become|will assume the (?:role|position|office|title|duties) of) ` + determiner + titlePart),
	}
	departedPerson = regexp.MustCompile(`\b` + personPart + `(?:, (?:who (?:serves|served|is) as )?` + determiner + titlePart + `[^;]{0,120}?,)? (?:has |have |will |had |was |is |also |and the Company |voluntarily )*(?:resigned|resign|retired|retire|departed|depart|leave|left|notified|informed|advised|tendered|submitted|delivered|provided|gave|announced|decided|step(?:ped)? down|ceased?|terminated|removed|passed away|intends|plans|separated?|no longer|not (?:stand|seek)|transition(?:ed)?|mutually agreed)\b`)
	departureOf    = regexp.MustCompile(`\b(?:departure|resignation|retirement|removal|separation|employment) of ` + personPart)
	// officeLeft is found also in what somebody keeps or a successor gets, which
	// gained tells by what stands before it.
	officeLeft = regexp.MustCompile(`\b(?:as|(?:role|position|office)s? of|from (?:his|her|their|the) (?:role|position|office)s? (?:as|of)) ` + determiner + titlePart)
	gained     = regexp.MustCompile(`(?i)\b(?:continu|appoint|succe|elect|promot|hire|named|become)[a-z]*\b[^,;]*$`)
)

func appointment(sentence string) change {
	for _, p := range appointedPatterns {
		for _, m := range p.FindAllStringSubmatch(sentence, -1) {
			if title := cleanTitle(m[2]); title != "" {
				return change{person: cleanPerson(m[1]), title: title}
			}
		}
	}
	return change{}
}

func departure(sentence string) change {
	c := change{leaves: true}
	c.person, c.title = leaver(sentence)
	if m := departureOf.FindStringSubmatch(sentence); c.person == "" && m != nil {
		c.person = cleanPerson(m[1])
	}
	for _, m := range officeLeft.FindAllStringSubmatchIndex(sentence, -1) {
		if c.title == "" && !gained.MatchString(sentence[:m[0]]) {
			c.title = cleanTitle(sentence[m[2]:m[3]])
		}
	}
	return c
}

// leaver returns who stands before the verb. It may be the company first, which agrees
// with somebody.
func leaver(sentence string) (person, title string) {
	for range 5 {
		m := departedPerson.FindStringSubmatchIndex(sentence)
		if m == nil {
			return "", ""
		}
		person = cleanPerson(sentence[m[2]:m[3]])
		if m[4] >= 0 {
			title = cleanTitle(sentence[m[4]:m[5]])
		}
		if person != "" && (m[4] < 0 || title != "") {
			return person, title
		}
		sentence = sentence[m[3]:]
	}
	return "", ""
}

var (
	titleWord = regexp.MustCompile(`(?i)\b(?:officer|president|director|controller|treasurer|secretary|counsel|chair\pL*|head|manager|c[a-z]o)\b`)
	titleEnd  = regexp.MustCompile(` (?:of|for|and) the (?:Company|Corporation|Registrant|Bank|Board|Trust)\b.*|,? (?:Mr|Ms|Mrs|Dr|Inc|LLC)\b.*|,? (?:Effective|Class|Board of)\b.*`)
	titleOf   = regexp.MustCompile(`((?i:officer|treasurer|secretary|counsel)) of .*| of [^,]*\b(?:Inc|Corporation|Corp|LLC|Ltd|Company)$`)
	noPerson  = regexp.MustCompile(`(?i)\b(?:company|board|committee|officers?|chief|inc|corp|corporation|llc|directors?|president|act|agreement|plan|award|effective|chair\pL*|the|on|executives?|form|item|january|february|march|april|may|june|july|august|september|october|november|december)\b`)
	honorific = regexp.MustCompile(`^(?:Mr|Ms|Mrs|Dr)\. `)
)

// cleanTitle returns a title without what is not part of it, "" for what is none.
func cleanTitle(s string) string {
	s = titleOf.ReplaceAllString(titleEnd.ReplaceAllString(s, ""), "$1")
	s = strings.Trim(oneLine(s, 120), " ,.-&")
	if !titleWord.MatchString(s) {
		return ""
	}
	return s
}

// cleanPerson returns a name of at least two words, "" for what is none.
func cleanPerson(s string) string {
	s = oneLine(s, 80)
	if noPerson.MatchString(s) || len(strings.Fields(s)) < 2 || honorific.ReplaceAllString(s, "") == "" {
		return ""
	}
	return strings.TrimSuffix(strings.TrimSuffix(s, "’s"), "'s")
}
