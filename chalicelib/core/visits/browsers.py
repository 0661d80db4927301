"""Words in browsers' user agents, lower case: engines, browsers, and apps that open links in an embedded browser.

Users of a browser that is missing here have to press a button, and only if it does not send ``Sec-Fetch-Mode``.
"""

from __future__ import annotations

_NAMES = """
    2.x 360ee 360se 3gpp-gba __weibo__ abi adg aliapp aliapplang alipayclient aloha amazonwebappplatform android
    aolbuild app_version applewebkit appname appskin arora avast avg baiduboxapp baidubrowser barcelona basilisk bb10
    bidubrowser binance bingsapphire bingviewerreact bingweb blackberry brave bropp browserng build bytedance
    bytedancewebview bytefulllocale bytelocale cakebrowser camino camscanner ccleaner channel chrome chromeplus chromium
    cldc cliqz coc_coc_browser coinbase cometbird comodo_dragon configuration conkeror coolnovo core crios crkey
    cyanogenmod daumapps ddg debian dingtalk discord discordptb dolfin dolphin dooble duckduckgo ebayandroid ecosia
    ecosia.org edg edga edge edgios edgw electron epiphany facebook falkon fb_iab fban fbav fbios fedora fennec firefox
    flipboard flipboard-briefing flock focus for fxios galeon gecko geminiios gentoo gnews goanna googleapp googlewv gsa
    hawk heytapbrowser hisearch huaweibrowser icab icecat icedragon iceweasel ilunascape instagram ipad iphone iron
    jssdk k-meleon kakaostory kakaotalk kazehakase khtml kindle klar konqueror kubuntu language lazada lbbrowser liff
    lightspeed like line linkedin linkedinapp linux lunascape mac macwechat main maxthon mem mercury messenger metaiab
    metamask metamaskmobile metasr micromessenger midori midp min mini miniprogramenv mint miui miuibrowser mms mmwebid
    mmwebsdk mobile mobilesafari mozilla mqqbrowser mqqbrowserlite mrchrome musical_ly mxbrowser nabar naver navigator
    netfront netscape netscape6 nettype newssapphire nintendobrowser nokia nokiabrowser nook nx nyxt obigo oculusbrowser
    omi omniweb opera opios oppobrowser opr oprgx opt opx orbot orca ordissimo os osmeta otter outlook-android
    outlook-ios ovibrowser owb palemoon phantom phoenix pinterest pixel playbook playstation polaris presto profile
    puffin qbcore qihu qq qqbrowser qtcarbrowser qtwebengine quark quickbrowser qutebrowser reddit region rekonq rocket
    rockmelt s40ovibrowser sa safari sailfishbrowser samsungbrowser se seamonkey series60 seznam shopee signal silk
    silk-accelerated=true skype slack slack_ssb sleipnir slimbrowser smarttv snapchat sogoumobilebrowser sogoumse
    sp-engine spotify sunrise surf suse symbianos sznprohlizec tablet tbs teams teamsmobile-ios teleca telegram
    telegram-android tencenttraveler tesla theworld tiktok tizen tor torbrowser trident trill trust tumblr turkcell-tr
    turkcell-yaanibrowser twitter u2 ubrowser ubuntu ucbrowser ucpro ucturbo ucweb up.browser up.link vendorid version
    viber vivaldi vivobrowser vizio-dtv vkandroidapp vkclient waterfox web0s webkit wechat wechatdevtools weibo weixin
    whale whatsapp windows windowswechat wolvic wxwork wyzo xiaomi xweb yaanibrowser yaapp_android yaapp_ios yabrowser
    yahoomobile yasearchbrowser yjapp-android yjapp-ios ymail yowser zalo
    """
NAMES = frozenset(_NAMES.split())
