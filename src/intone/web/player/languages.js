// What the player says, in the reader's language. Durations come from the browser's own Intl.

const SAYINGS = {
  en: {
    player: "Audio player", listen: "Listen to this article", play: "Play", pause: "Pause",
    back: "Back 15 seconds", forward: "Forward 15 seconds", position: "Position",
    of: "{0} of {1}", speed: "Speed", voice: "Voice", mute: "Mute", unmute: "Unmute",
    volume: "Volume", transcript: "Transcript", download: "Download", close: "Close mini player",
    loading: "Loading audio", preparing: "Preparing audio", ready: "Audio is ready",
    error: "The audio cannot be played.", retry: "Try again",
    voiceComing: "Preparing the voice {0}", voiceFailed: "The voice {0} is not available.",
  },
  de: {
    player: "Audioplayer", listen: "Diesen Artikel anhören", play: "Abspielen", pause: "Pause",
    back: "15 Sekunden zurück", forward: "15 Sekunden vor", position: "Position",
    of: "{0} von {1}", speed: "Tempo", voice: "Stimme", mute: "Ton aus", unmute: "Ton an",
    volume: "Lautstärke", transcript: "Mitlesen", download: "Herunterladen",
    close: "Kleinen Player schließen", loading: "Audio wird geladen",
    preparing: "Audio wird erstellt", ready: "Audio ist bereit",
    error: "Das Audio lässt sich nicht abspielen.", retry: "Noch einmal versuchen",
    voiceComing: "Die Stimme {0} wird erstellt",
    voiceFailed: "Die Stimme {0} ist nicht verfügbar.",
  },
  fr: {
    player: "Lecteur audio", listen: "Écouter cet article", play: "Lire", pause: "Pause",
    back: "Reculer de 15 secondes", forward: "Avancer de 15 secondes", position: "Position",
    of: "{0} sur {1}", speed: "Vitesse", voice: "Voix", mute: "Couper le son",
    unmute: "Rétablir le son", volume: "Volume", transcript: "Transcription",
    download: "Télécharger", close: "Fermer le mini-lecteur", loading: "Chargement de l’audio",
    preparing: "Préparation de l’audio", ready: "L’audio est prêt",
    error: "Impossible de lire l’audio.", retry: "Réessayer",
    voiceComing: "Préparation de la voix {0}", voiceFailed: "La voix {0} n’est pas disponible.",
  },
  es: {
    player: "Reproductor de audio", listen: "Escuchar este artículo", play: "Reproducir",
    pause: "Pausar", back: "Retroceder 15 segundos", forward: "Avanzar 15 segundos",
    position: "Posición", of: "{0} de {1}", speed: "Velocidad", voice: "Voz",
    mute: "Silenciar", unmute: "Activar sonido", volume: "Volumen",
    transcript: "Transcripción", download: "Descargar", close: "Cerrar minirreproductor",
    loading: "Cargando audio", preparing: "Preparando audio", ready: "El audio está listo",
    error: "No se puede reproducir el audio.", retry: "Reintentar",
    voiceComing: "Preparando la voz {0}", voiceFailed: "La voz {0} no está disponible.",
  },
  pt: {
    player: "Leitor de áudio", listen: "Ouvir este artigo", play: "Reproduzir",
    pause: "Pausar", back: "Recuar 15 segundos", forward: "Avançar 15 segundos",
    position: "Posição", of: "{0} de {1}", speed: "Velocidade", voice: "Voz",
    mute: "Silenciar", unmute: "Ativar som", volume: "Volume", transcript: "Transcrição",
    download: "Baixar", close: "Fechar mini leitor", loading: "Carregando áudio",
    preparing: "Preparando áudio", ready: "O áudio está pronto",
    error: "Não é possível reproduzir o áudio.", retry: "Tentar novamente",
    voiceComing: "Preparando a voz {0}", voiceFailed: "A voz {0} não está disponível.",
  },
  it: {
    player: "Lettore audio", listen: "Ascolta questo articolo", play: "Riproduci",
    pause: "Pausa", back: "Indietro di 15 secondi", forward: "Avanti di 15 secondi",
    position: "Posizione", of: "{0} di {1}", speed: "Velocità", voice: "Voce",
    mute: "Disattiva audio", unmute: "Attiva audio", volume: "Volume",
    transcript: "Trascrizione", download: "Scarica", close: "Chiudi mini lettore",
    loading: "Caricamento audio", preparing: "Preparazione audio", ready: "L’audio è pronto",
    error: "Impossibile riprodurre l’audio.", retry: "Riprova",
    voiceComing: "Preparazione della voce {0}", voiceFailed: "La voce {0} non è disponibile.",
  },
  nl: {
    player: "Audiospeler", listen: "Luister naar dit artikel", play: "Afspelen",
    pause: "Pauzeren", back: "15 seconden terug", forward: "15 seconden vooruit",
    position: "Positie", of: "{0} van {1}", speed: "Snelheid", voice: "Stem",
    mute: "Geluid uit", unmute: "Geluid aan", volume: "Volume", transcript: "Meelezen",
    download: "Downloaden", close: "Minispeler sluiten", loading: "Audio laden",
    preparing: "Audio wordt gemaakt", ready: "Audio is klaar",
    error: "De audio kan niet worden afgespeeld.", retry: "Opnieuw proberen",
    voiceComing: "De stem {0} wordt gemaakt",
    voiceFailed: "De stem {0} is niet beschikbaar.",
  },
  ar: {
    player: "مشغل الصوت", listen: "استمع إلى هذا المقال", play: "تشغيل",
    pause: "إيقاف مؤقت", back: "رجوع 15 ثانية", forward: "تقديم 15 ثانية",
    position: "الموضع", of: "{0} من {1}", speed: "السرعة", voice: "الصوت",
    mute: "كتم الصوت", unmute: "إلغاء كتم الصوت", volume: "مستوى الصوت",
    transcript: "النص", download: "تنزيل", close: "إغلاق المشغل المصغر",
    loading: "جارٍ تحميل الصوت", preparing: "جارٍ إعداد الصوت", ready: "الصوت جاهز",
    error: "تعذر تشغيل الصوت.", retry: "أعد المحاولة",
    voiceComing: "جارٍ إعداد الصوت {0}", voiceFailed: "الصوت {0} غير متاح.",
  },
  he: {
    player: "נגן שמע", listen: "האזינו לכתבה", play: "ניגון", pause: "השהיה",
    back: "15 שניות אחורה", forward: "15 שניות קדימה", position: "מיקום",
    of: "{0} מתוך {1}", speed: "מהירות", voice: "קול", mute: "השתקה",
    unmute: "ביטול השתקה", volume: "עוצמת קול", transcript: "תמליל",
    download: "הורדה", close: "סגירת הנגן המוקטן", loading: "השמע נטען",
    preparing: "השמע בהכנה", ready: "השמע מוכן", error: "לא ניתן לנגן את השמע.",
    retry: "לנסות שוב", voiceComing: "הקול {0} בהכנה", voiceFailed: "הקול {0} אינו זמין.",
  },
};

const RIGHT_TO_LEFT = new Set(["ar", "he", "fa", "ur"]);

const primary = (tag) => (tag || "").trim().toLowerCase().split(/[-_]/)[0];

class Language {
  constructor(tag) {
    const known = primary(tag);
    this.tag = SAYINGS[known] ? known : "en";
    this.sayings = SAYINGS[this.tag];
    this.isRightToLeft = RIGHT_TO_LEFT.has(this.tag);
  }

  // The saying of a name, its places {0}, {1} filled with what is given.
  say(name, ...values) {
    return this.sayings[name].replace(/\{(\d)\}/g, (_, place) => values[place]);
  }

  // 65 seconds as "1 minute 5 seconds", for those who hear it.
  duration(seconds) {
    const whole = Math.max(0, Math.floor(seconds));
    const parts = [
      ["hour", Math.floor(whole / 3600)],
      ["minute", Math.floor(whole / 60) % 60],
      ["second", whole % 60],
    ].filter(([unit, count]) => count || (unit === "second" && whole < 1));
    return parts
      .map(([unit, count]) =>
        new Intl.NumberFormat(this.tag, { style: "unit", unit, unitDisplay: "long" }).format(count))
      .join(" ");
  }

  percent(value) {
    return new Intl.NumberFormat(this.tag, { style: "percent" }).format(value / 100);
  }
}

// 65 seconds as "1:05", for those who see it.
function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds || 0));
  const pad = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return (hours ? `${hours}:${pad(minutes)}` : minutes) + ":" + pad(whole % 60);
}
