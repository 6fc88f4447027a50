# A file of settings arrives, as EnvironmentFile= has it (systemd.exec(5)); lines leave that a shell evaluates: export NAME='value'.
# The same values as systemd's: blanks around name and value are none of theirs, quotes may hold lines and stand side by side, a
# backslash takes the next character for itself and joins two lines. Otherwise than there, a comment never goes on in the next line
# (before systemd 254 one that ends in a backslash did), and names that are none of a setting are passed over.
{ text = text $0 "\n" }

END {
  for (at = 1; at <= length(text); at++) {
    c = substr(text, at, 1)
    if (state == "") begin()
    else if (state == "comment") { if (c == "\n") state = "" }
    else if (state == "name") read_name()
    else if (state == "\"" || state == "\047") read_quoted()
    else read_value()
  }
  if (state !~ /^(comment|name)?$/) put()
}

function begin() {
  if (c == "#" || c == ";") state = "comment"
  else if (c !~ /[ \t\r\n]/) { state = "name"; name = c }
}

function read_name() {
  if (c == "\n") state = ""
  else if (c == "=") { state = "before"; value = blanks = "" }
  else name = name c
}

# In front of a value, and after a quoted piece of it, blanks mean nothing; amid it they do once something follows.
function read_value() {
  if (c == "\n") { put(); state = "" }
  else if (state == "before" && (c == "\"" || c == "\047")) state = c
  else if (c ~ /[ \t\r]/) { if (state == "value") blanks = blanks c }
  else {
    state = "value"
    if (c == "\\") c = substr(text, ++at, 1)
    if (c != "\n") { value = value blanks c; blanks = "" }
  }
}

function read_quoted() {
  if (c == state) { state = "before"; return }
  if (c == "\\" && state == "\"") {
    c = substr(text, ++at, 1)
    if (c == "\n") return
    if (c !~ /["\\`$]/) c = "\\" c
  }
  value = value c
}

function put() {
  sub(/[ \t\r]+$/, "", name)
  if (name !~ /^((HUB|PHLIX)_[A-Z0-9_]+|HTTPS_PROXY|NO_PROXY|https_proxy|no_proxy|NODE_EXTRA_CA_CERTS)$/) return
  gsub(/\047/, "\047\\\047\047", value)
  print "export " name "=\047" value "\047"
}
