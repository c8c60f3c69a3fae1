"""A PJSIP phone driven line by line: one JSON command a line on standard input, one JSON event a line on standard
output. One process is one phone (a PJSIP process carries at most four calls).

Commands: {"do": "register"}, {"do": "call", "number": "102"}, {"do": "answer", "code": 200}, {"do": "hold"},
{"do": "resume"}, {"do": "hangup"}, {"do": "quit"}.
Events: {"event": "ready"}, {"event": "registered", "code": 200}, {"event": "incoming"}, {"event": "call", "state":
"CONFIRMED", "code": 200}, {"event": "media", "active": true}.
"""

import argparse
import json
import queue
import sys
import threading

import pjsua2

# As in `xtask::peers::tone`, which listens to the recordings.
SAMPLE_RATE_HZ = 8000
AMPLITUDE = 8192

events_lock = threading.Lock()


def say(**event):
    with events_lock:
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()


class Call(pjsua2.Call):
    def __init__(self, phone, call_id=pjsua2.PJSUA_INVALID_ID):
        super().__init__(phone.account, call_id)
        self.phone = phone

    def onCallState(self, parameters):
        information = self.getInfo()
        say(event="call", state=information.stateText, code=information.lastStatusCode)
        if information.state == pjsua2.PJSIP_INV_STATE_DISCONNECTED:
            self.phone.ended(self)

    def onCallMediaState(self, parameters):
        information = self.getInfo()
        for index, media in enumerate(information.media):
            if media.type != pjsua2.PJMEDIA_TYPE_AUDIO:
                continue
            active = media.status == pjsua2.PJSUA_CALL_MEDIA_ACTIVE
            if active:
                audio = self.getAudioMedia(index)
                self.phone.tone.startTransmit(audio)
                audio.startTransmit(self.phone.recorder)
            say(event="media", active=active, status=int(media.status))


class Account(pjsua2.Account):
    def __init__(self, phone):
        super().__init__()
        self.phone = phone

    def onRegState(self, parameters):
        say(event="registered", code=parameters.code, active=self.getInfo().regIsActive)

    def onIncomingCall(self, parameters):
        self.phone.call = Call(self.phone, parameters.callId)
        ringing = pjsua2.CallOpParam()
        ringing.statusCode = 180
        self.phone.call.answer(ringing)
        say(event="incoming")


class Phone:
    def __init__(self, options):
        self.options = options
        self.call = None
        self.ended_calls = []
        self.endpoint = pjsua2.Endpoint()
        self.endpoint.libCreate()
        configuration = pjsua2.EpConfig()
        configuration.logConfig.level = options.log_level
        configuration.logConfig.consoleLevel = 0
        configuration.logConfig.filename = options.log
        configuration.uaConfig.threadCnt = 0
        configuration.uaConfig.mainThreadOnly = True
        configuration.medConfig.clockRate = SAMPLE_RATE_HZ
        configuration.medConfig.noVad = True
        configuration.medConfig.ecTailLen = 0
        self.endpoint.libInit(configuration)
        transport = pjsua2.TransportConfig()
        transport.boundAddress = options.address
        transport.port = 0
        kind = pjsua2.PJSIP_TRANSPORT_TCP if options.transport == "tcp" else pjsua2.PJSIP_TRANSPORT_UDP
        self.endpoint.transportCreate(kind, transport)
        self.endpoint.libStart()
        self.endpoint.codecSetPriority("PCMU/8000", 255)
        self.endpoint.audDevManager().setNullDev()
        self.tone = pjsua2.ToneGenerator()
        self.tone.createToneGenerator(SAMPLE_RATE_HZ, 1)
        self.recorder = pjsua2.AudioMediaRecorder()
        self.recorder.createRecorder(options.recording)
        self.play_tone()
        self.account = Account(self)

    def play_tone(self):
        tone = pjsua2.ToneDesc()
        tone.freq1 = self.options.tone
        tone.freq2 = 0
        tone.on_msec = 30000
        tone.off_msec = 0
        tone.volume = AMPLITUDE
        tones = pjsua2.ToneDescVector()
        tones.append(tone)
        self.tone.play(tones, True)

    def register(self):
        options = self.options
        suffix = ";transport=tcp" if options.transport == "tcp" else ""
        account = pjsua2.AccountConfig()
        account.idUri = f"sip:{options.user}@{options.domain}"
        account.regConfig.registrarUri = f"sip:{options.domain}{suffix}"
        account.regConfig.timeoutSec = 300
        account.sipConfig.proxies.append(f"sip:{options.exchange};lr{suffix}")
        account.sipConfig.authCreds.append(
            pjsua2.AuthCredInfo("digest", "*", options.user, 0, options.password)
        )
        account.mediaConfig.transportConfig.boundAddress = options.address
        self.account.create(account)

    def ended(self, call):
        # The object must outlive its own callback; it is dropped with the process.
        self.ended_calls.append(call)
        if self.call is call:
            self.call = None

    def do(self, command):
        operation = command["do"]
        parameters = pjsua2.CallOpParam(True)
        if operation == "register":
            self.register()
        elif operation == "call":
            self.call = Call(self)
            self.call.makeCall(f"sip:{command['number']}@{self.options.domain}", parameters)
        elif operation == "answer":
            parameters.statusCode = command.get("code", 200)
            self.call.answer(parameters)
        elif operation == "hold":
            self.call.setHold(parameters)
        elif operation == "resume":
            parameters.opt.flag = pjsua2.PJSUA_CALL_UNHOLD
            self.call.reinvite(parameters)
        elif operation == "hangup":
            self.call.hangup(parameters)
        else:
            raise ValueError(f"unknown command {operation!r}")

    def run(self):
        commands = queue.Queue()

        def read():
            for line in sys.stdin:
                commands.put(json.loads(line))
            commands.put({"do": "quit"})

        threading.Thread(target=read, daemon=True).start()
        say(event="ready")
        while True:
            self.endpoint.libHandleEvents(10)
            try:
                command = commands.get_nowait()
            except queue.Empty:
                continue
            if command["do"] == "quit":
                break
            try:
                self.do(command)
            except (pjsua2.Error, AttributeError, ValueError) as problem:
                text = problem.info() if isinstance(problem, pjsua2.Error) else str(problem)
                say(event="error", text=text)
        self.endpoint.hangupAllCalls()
        self.endpoint.libDestroy()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("address", "exchange", "domain", "user", "password", "recording", "log"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--transport", choices=("udp", "tcp"), default="udp")
    parser.add_argument("--tone", type=int, default=1000)
    parser.add_argument("--log-level", type=int, default=4)
    Phone(parser.parse_args()).run()


if __name__ == "__main__":
    main()
